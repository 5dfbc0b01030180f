import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { reluGradient } from '../engine/relu-gradient.ts';
import { firedWhere } from './dead-latents.ts';
import { rowNorms } from './decoder-norm.ts';
import type { Activation } from './dictionary.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * Gated: which features fire and how much are told apart, so that the L1 penalty shrinks no activation (Rajamanoharan et al.,
 * "Improving Dictionary Learning with Gated Sparse Autoencoders", 2024, eq. 6-8):
 *
 *   pi    = (x - b_dec) W_enc^T + b_gate
 *   m     = exp(r) * (x - b_dec) W_enc^T + b_mag
 *   f     = m where pi > 0 and m > 0, else 0
 *   x_hat = f W_dec + b_dec
 *   loss  = mean over rows of ||x - x_hat||^2  +  l1 * s * mean over rows of ||relu(pi)||_1
 *         + mean over rows of ||x - relu(pi) W_dec - b_dec||^2
 *
 * The last term trains the gate alone: W_dec and b_dec are constants there. In `GATED_FORMS`, `dictionary-learning` is the
 * paper's; `saelens` weighs the penalty by ||d_i||, lets rows have any norm, and the last term train the decoder too.
 *
 * Defaults: l1 0.1 for activations of mean square norm 1; Adam 0.001 with decays 0 and 0.999, no clipping; r and biases 0;
 * encoder and decoder start as the same random unit rows.
 *
 * Once trained it is a JumpReLU: pi > 0 where m > b_mag - exp(r) b_gate.
 */
export interface GatedForm {
  /** Whether the penalty is of relu(pi) ||d||. */
  weighsByDecoderNorm: boolean;
  unitNorm: boolean;
  /** Whether the last term's gradient reaches W_dec and b_dec. */
  auxiliaryTrainsDecoder: boolean;
}

export const GATED_FORMS = {
  'dictionary-learning': { weighsByDecoderNorm: false, unitNorm: true, auxiliaryTrainsDecoder: false },
  saelens: { weighsByDecoderNorm: true, unitNorm: false, auxiliaryTrainsDecoder: true },
} as const satisfies Record<string, GatedForm>;

export interface GatedOptions {
  l1: number;
  form: GatedForm;
}

/** `encoderBias_F` is the gate's bias. */
export interface GatedWeights extends InferenceWeights {
  magnitudeBias_F: Float32Array;
  /** r */
  logScale_F: Float32Array;
}

export class GatedAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant = 'gated';
  readonly activation: Activation = { type: 'jumprelu' };
  readonly betas = { beta1: 0, beta2: 0.999 };
  private readonly magnitudeBias_F: tf.Variable<tf.Rank.R1>;
  private readonly logScale_F: tf.Variable<tf.Rank.R1>;

  constructor(
    width: number,
    features: number,
    weights: GatedWeights,
    private readonly options: GatedOptions,
  ) {
    super(width, features, weights, { unitNorm: options.form.unitNorm });
    const tf = tensorflow();
    this.magnitudeBias_F = tf.variable(tf.tensor1d(weights.magnitudeBias_F));
    this.logScale_F = tf.variable(tf.tensor1d(weights.logScale_F));
    this.parameters.set('magnitude_bias', this.magnitudeBias_F);
    this.parameters.set('log_scale', this.logScale_F);
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const { features_BF } = this.forward(this.input(acts_BD));
      return this.unitNorm ? features_BF : features_BF.mul<tf.Tensor2D>(rowNorms(this.decoder_FD));
    });
  }

  backward(acts_BD: tf.Tensor2D, { sparsity }: StepContext): StepResult {
    const tf = tensorflow();
    const B = acts_BD.shape[0];
    const { form } = this.options;
    const l1 = this.options.l1 * sparsity;
    const { losses, sums_F, ...gradients } = tf.tidy(() => {
      const input_BD = this.input(acts_BD);
      const { gate_BF, features_BF } = this.forward(input_BD);
      const open_BF = gate_BF.relu<tf.Tensor2D>();
      const { loss: reconstruction, gradient_BD } = this.squaredError(acts_BD, features_BF);
      const { loss: auxiliary, gradient_BD: auxiliary_BD } = this.squaredError(acts_BD, open_BF);

      let decoder = tf.matMul(features_BF, gradient_BD, true);
      let reconstructionSum_BD = gradient_BD;
      if (form.auxiliaryTrainsDecoder) {
        decoder = decoder.add(tf.matMul(open_BF, auxiliary_BD, true));
        reconstructionSum_BD = gradient_BD.add(auxiliary_BD);
      }
      const openings_F = open_BF.sum<tf.Tensor1D>(0);
      let penalty = openings_F.sum().div<tf.Scalar>(B);
      let slope: number | tf.Tensor1D = l1 / B;
      if (form.weighsByDecoderNorm) {
        const norms_F = rowNorms(this.decoder_FD);
        penalty = openings_F.mul(norms_F).sum().div<tf.Scalar>(B);
        slope = norms_F.mul<tf.Tensor1D>(l1 / B);
        decoder = decoder.add(
          this.decoder_FD.mul(tf.divNoNan(openings_F.mul(l1 / B), norms_F).expandDims(1)),
        );
      }

      const magnitude_BF = this.slopes(gradient_BD, features_BF);
      const gatePre_BF = this.slopes(auxiliary_BD, open_BF, slope);
      open_BF.dispose();
      const scale_F = this.logScale_F.exp<tf.Tensor1D>();
      const magnitude_bias = magnitude_BF.sum<tf.Tensor1D>(0);
      const encoder_bias = gatePre_BF.sum<tf.Tensor1D>(0);
      // dm/dr = exp(r) (x - b_dec) W_enc^T = m - b_mag, and where m has a gradient it is f.
      const scaled_F = tf.tidy(() => magnitude_BF.mul(features_BF).sum<tf.Tensor1D>(0));
      const pre_BF = tf.tidy(() => magnitude_BF.mul(scale_F).add<tf.Tensor2D>(gatePre_BF));
      const preSum_F = magnitude_bias.mul(scale_F).add<tf.Tensor1D>(encoder_bias);
      return {
        losses: {
          loss: reconstruction.add(auxiliary).add<tf.Scalar>(penalty.mul(l1)),
          reconstruction,
          l1: penalty,
          auxiliary,
        },
        sums_F: features_BF.sum<tf.Tensor1D>(0),
        encoder: tf.matMul(pre_BF, input_BD, true),
        decoder,
        encoder_bias,
        decoder_bias: this.decoderBiasGradient(reconstructionSum_BD.sum(0), preSum_F),
        magnitude_bias,
        log_scale: scaled_F.sub<tf.Tensor1D>(magnitude_bias.mul(this.magnitudeBias_F)),
      };
    });
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    return { losses, gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]), fired_F };
  }

  protected override activationWeights(): Partial<InferenceWeights> {
    const tf = tensorflow();
    return {
      encoder_FD: dataOf(() => this.encoder_FD.mul(this.logScale_F.exp().expandDims(1))),
      encoderBias_F: dataOf(() => this.magnitudeBias_F.clone()),
      threshold_F: dataOf(() =>
        tf.relu(this.magnitudeBias_F.sub(this.logScale_F.exp().mul(this.encoderBias_F))),
      ),
    };
  }

  /** pi and f. */
  private forward(input_BD: tf.Tensor2D): { gate_BF: tf.Tensor2D; features_BF: tf.Tensor2D } {
    const tf = tensorflow();
    const gate_BF = linear(input_BD, this.encoder_FD, this.encoderBias_F);
    const features_BF = tf.tidy(() => {
      const scale_F = this.logScale_F.exp<tf.Tensor1D>();
      const shift_F = this.magnitudeBias_F.sub(scale_F.mul(this.encoderBias_F));
      return reluGradient(gate_BF.mul(scale_F).add(shift_F).relu<tf.Tensor2D>(), gate_BF);
    });
    return { gate_BF, features_BF };
  }

  /** mean over rows of ||x - x_hat||^2, and its gradient in x_hat. */
  private squaredError(acts_BD: tf.Tensor2D, features_BF: tf.Tensor2D) {
    const B = acts_BD.shape[0];
    return tensorflow().tidy(() => {
      const error_BD = acts_BD.sub<tf.Tensor2D>(this.decodeRaw(features_BF));
      return {
        loss: error_BD.square().sum().div<tf.Scalar>(B),
        gradient_BD: error_BD.mul<tf.Tensor2D>(-2 / B),
      };
    });
  }

  /** dloss/d(what was rectified to positive_BF), from dloss/dx_hat and the penalty. */
  private slopes(
    gradient_BD: tf.Tensor2D,
    positive_BF: tf.Tensor2D,
    penalty?: number | tf.Tensor1D,
  ): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const slopes_BF: tf.Tensor2D = tf.matMul(gradient_BD, this.decoder_FD, false, true);
      const all_BF = penalty === undefined ? slopes_BF : slopes_BF.add<tf.Tensor2D>(penalty);
      return reluGradient<tf.Tensor2D>(all_BF, positive_BF);
    });
  }
}
