import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { reluGradient } from '../engine/relu-gradient.ts';
import { firedWhere } from './dead-latents.ts';
import { rowNorms } from './decoder-norm.ts';
import type { Activation } from './dictionary.ts';
import { preActivationLoss } from './pre-activation-loss.ts';
import { stepsInWindow } from './step-window.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * JumpReLU (Rajamanoharan et al., "Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse Autoencoders",
 * 2024, eq. 3, 4 and 11-13; dictionary_learning's JumpReluTrainer, SAELens' JumpReLUTrainingSAE):
 *
 *   z     = x W_enc^T + b_enc,  or of x - b_dec
 *   f     = z where z > theta, else 0
 *   x_hat = f W_dec + b_dec
 *   loss  = mean over rows of ||x - x_hat||^2  +  coefficient * s * S  +  P
 *
 * S is one of (L0: mean over rows of the number of active features; d_i: rows of W_dec)
 *
 *   target-l0   (L0 / target - 1)^2                           dictionary_learning; appendix H of the paper
 *   l0          L0                                            the paper's eq. 9; SAELens, `step`
 *   tanh        mean over rows of sum_i tanh(c f_i ||d_i||)   Anthropic, January 2025; SAELens, `tanh`, c = 4
 *
 * and P pulls dead features up (`preActivationLoss`). theta is trained by straight-through estimates over a window of width
 * epsilon, K(v) = 1 for |v| < 1/2: df/dtheta = -(theta / epsilon) K((z - theta) / epsilon), and of the step function
 * -(1 / epsilon) K((z - theta) / epsilon). x and the encoder get no gradient through the step.
 *
 * Defaults: target-l0 with 20 (`sae.train`: a sixteenth of D), coefficient 1 (l0 and tanh: 0.01); epsilon and the first theta
 * 0.01 for activations of mean square norm 1 (the packages' 0.001 suit runs of 10^8 activations); rows of unit norm; Adam 0.001
 * with decays 0 and 0.999, clipped at norm 1; theta itself trained, kept at 0 or more, as below 0 it would let negative
 * activations pass. `log` trains log theta, as the paper and SAELens.
 *
 * `stepReads: 'activation'` is dictionary_learning's: its step is of f instead of z, whose window below theta is empty (or,
 * for theta < epsilon / 2, holds all that is inactive), so the estimate sees one half.
 */
export interface JumpReluOptions {
  sparsity: 'target-l0' | 'l0' | 'tanh';
  coefficient: number;
  targetL0: number;
  tanhScale: number;
  /** epsilon */
  bandwidth: number;
  stepReads: 'pre-activation' | 'activation';
  thresholdParameter: 'raw' | 'log';
  /** Of P; 0 leaves it out. */
  preActivationCoefficient: number;
  unitNorm: boolean;
  subtractsDecoderBias: boolean;
}

export const JUMPRELU_DEFAULTS: JumpReluOptions = {
  sparsity: 'target-l0',
  coefficient: 1,
  targetL0: 20,
  tanhScale: 4,
  bandwidth: 0.01,
  stepReads: 'pre-activation',
  thresholdParameter: 'raw',
  preActivationCoefficient: 0,
  unitNorm: true,
  subtractsDecoderBias: false,
};

export class JumpReluAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant = 'jumprelu';
  readonly activation: Activation = { type: 'jumprelu' };
  readonly betas = { beta1: 0, beta2: 0.999 };
  /** theta, or its logarithm. */
  private readonly threshold_F: tf.Variable<tf.Rank.R1>;

  constructor(
    width: number,
    features: number,
    weights: InferenceWeights & { threshold_F: Float32Array },
    private readonly options: JumpReluOptions,
  ) {
    super(width, features, weights, options);
    const tf = tensorflow();
    const { threshold_F } = weights;
    const log = options.thresholdParameter === 'log';
    this.threshold_F = tf.variable(tf.tensor1d(log ? threshold_F.map(Math.log) : threshold_F));
    this.parameters.set(log ? 'log_threshold' : 'threshold', this.threshold_F);
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const { features_BF } = this.forward(this.input(acts_BD));
      return this.unitNorm ? features_BF : features_BF.mul<tf.Tensor2D>(rowNorms(this.decoder_FD));
    });
  }

  backward(acts_BD: tf.Tensor2D, { sparsity, dead }: StepContext): StepResult {
    const tf = tensorflow();
    const B = acts_BD.shape[0];
    const { preActivationCoefficient } = this.options;
    const { losses, counts_F, threshold, ...gradients } = tf.tidy(() => {
      const input_BD = this.input(acts_BD);
      const { features_BF, excess_BF, threshold_F } = this.forward(input_BD);
      const counts_F = features_BF.greater(0).cast('float32').sum<tf.Tensor1D>(0);
      const error_BD = tf.tidy(() => acts_BD.sub<tf.Tensor2D>(this.decodeRaw(features_BF)));
      const reconstruction = error_BD.square().sum().div<tf.Scalar>(B);
      const gradient_BD = error_BD.mul<tf.Tensor2D>(-2 / B);
      let decoder = tf.matMul(features_BF, gradient_BD, true);

      const penalty = this.penalty(features_BF, counts_F, sparsity);
      // dloss/df, both where z passed and, for the estimates, where it did not.
      const slopes_BF = tf.tidy(() => {
        const reconstruction_BF: tf.Tensor2D = tf.matMul(gradient_BD, this.decoder_FD, false, true);
        return penalty.features_BF
          ? reconstruction_BF.add<tf.Tensor2D>(penalty.features_BF)
          : reconstruction_BF;
      });
      if (penalty.decoder_FD) decoder = decoder.add(penalty.decoder_FD);
      let threshold = this.throughWindow(slopes_BF, excess_BF, threshold_F, penalty.step);
      let pre_BF = reluGradient(slopes_BF, excess_BF);
      slopes_BF.dispose();

      let loss = reconstruction.add<tf.Scalar>(penalty.loss);
      let preActivation: tf.Scalar | null = null;
      if (preActivationCoefficient > 0 && dead.length > 0) {
        const extra = preActivationLoss(excess_BF, this.decoder_FD, dead, preActivationCoefficient);
        preActivation = extra.loss;
        loss = loss.add(extra.loss);
        pre_BF = pre_BF.add(extra.pre_BF);
        decoder = decoder.add(extra.decoder_FD);
        threshold = threshold.add(extra.threshold_F);
      }
      const encoder_bias = pre_BF.sum<tf.Tensor1D>(0);
      return {
        losses: {
          loss,
          reconstruction,
          l0: counts_F.sum().div<tf.Scalar>(B),
          ...(preActivation && { pre_activation: preActivation }),
        },
        counts_F,
        encoder: tf.matMul(pre_BF, input_BD, true),
        decoder,
        encoder_bias,
        decoder_bias: this.decoderBiasGradient(gradient_BD.sum(0), encoder_bias),
        threshold:
          this.options.thresholdParameter === 'log' ? threshold.mul<tf.Tensor1D>(threshold_F) : threshold,
      };
    });
    const fired_F = firedWhere(counts_F.dataSync());
    counts_F.dispose();
    const named = new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]);
    named.set(this.options.thresholdParameter === 'log' ? 'log_threshold' : 'threshold', threshold);
    return { losses, gradients: named, fired_F };
  }

  override constrainParameters(): void {
    super.constrainParameters();
    if (this.options.thresholdParameter === 'log') return;
    const positive_F = this.threshold_F.relu<tf.Tensor1D>();
    this.threshold_F.assign(positive_F);
    positive_F.dispose();
  }

  protected override activationWeights(): Partial<InferenceWeights> {
    return { threshold_F: dataOf(() => this.thresholds().clone()) as Float32Array };
  }

  /** theta */
  private thresholds(): tf.Tensor1D {
    return this.options.thresholdParameter === 'log' ? this.threshold_F.exp() : this.threshold_F;
  }

  /** f, and z - theta. */
  private forward(input_BD: tf.Tensor2D) {
    const tf = tensorflow();
    const threshold_F = this.thresholds();
    const excess_BF = linear(input_BD, this.encoder_FD, this.encoderBias_F.sub(threshold_F));
    const features_BF = tf.tidy(() => reluGradient(excess_BF.add<tf.Tensor2D>(threshold_F), excess_BF));
    return { features_BF, excess_BF, threshold_F };
  }

  /** coefficient * s * S, and its gradients: d/df, d/dW_dec and, for each element, d/d(step function). */
  private penalty(
    features_BF: tf.Tensor2D,
    counts_F: tf.Tensor1D,
    sparsity: number,
  ): { loss: tf.Scalar; step: number; features_BF?: tf.Tensor2D; decoder_FD?: tf.Tensor2D } {
    const tf = tensorflow();
    const { sparsity: form, targetL0, tanhScale } = this.options;
    const B = features_BF.shape[0];
    const coefficient = this.options.coefficient * sparsity;
    if (form === 'tanh') {
      const norms_F = rowNorms(this.decoder_FD);
      const bounded_BF = tf.tidy(() => features_BF.mul<tf.Tensor2D>(norms_F.mul(tanhScale)).tanh());
      // dS/d(f ||d||)
      const slopes_BF = tf.tidy(() =>
        tf.sub(1, bounded_BF.square()).mul<tf.Tensor2D>((tanhScale * coefficient) / B),
      );
      const norms = tf.tidy(() => slopes_BF.mul(features_BF).sum<tf.Tensor1D>(0));
      return {
        loss: bounded_BF.sum().mul(coefficient / B),
        step: 0,
        features_BF: slopes_BF.mul(norms_F),
        decoder_FD: this.decoder_FD.mul(tf.divNoNan(norms, norms_F).expandDims(1)),
      };
    }
    const l0 = counts_F.sum().div<tf.Scalar>(B);
    if (form === 'l0') return { loss: l0.mul(coefficient), step: coefficient / B };
    const distance = (l0.dataSync()[0] as number) / targetL0 - 1;
    return {
      loss: tf.scalar(coefficient * distance ** 2),
      step: (2 * coefficient * distance) / (targetL0 * B),
    };
  }

  /** dloss/dtheta by the estimates: -(1 / epsilon) sum over the window of theta dloss/df + dloss/d(step). */
  private throughWindow(
    slopes_BF: tf.Tensor2D,
    excess_BF: tf.Tensor2D,
    threshold_F: tf.Tensor1D,
    step: number,
  ): tf.Tensor1D {
    const { bandwidth, stepReads } = this.options;
    return tensorflow().tidy(() => {
      const { slopes_F, steps_F } = stepsInWindow(slopes_BF, excess_BF, threshold_F, bandwidth, stepReads);
      return slopes_F
        .mul(threshold_F)
        .add(steps_F.mul(step))
        .mul<tf.Tensor1D>(-1 / bandwidth);
    });
  }
}
