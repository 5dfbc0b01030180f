import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { AnnealedPenalty, type AnnealedPenaltyState, type AnnealingOptions } from './annealed-penalty.ts';
import { firedWhere } from './dead-latents.ts';
import type { Activation } from './dictionary.ts';
import { reluGradients } from './relu-gradients.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * ReLU with a penalty that comes ever closer to counting: p of the p-norm falls from 1 in steps, and with each the
 * coefficient is set so that the penalty stays as large as it was (Karvonen et al., "Measuring Progress in Dictionary Learning
 * for Language Model Interpretability with Board Game Models", 2024, section 3.2; dictionary_learning's PAnnealTrainer):
 *
 *   f     = relu((x - b_dec) W_enc^T + b_enc)
 *   x_hat = f W_dec + b_dec,  rows of W_dec of unit norm
 *   loss  = mean over rows of ||x - x_hat||^2  +  c_t * s * mean over rows of P
 *   P     = sum_i f_i^p  (`Lp^p`, the paper's eq. 6)  or  (sum_i f_i^p)^(1/p)  (`Lp`, the package's default)
 *
 * c_t and p: `AnnealedPenalty`. c_0 is l1. Defaults: l1 0.1 for activations of mean square norm 1; Lp^p; p to 0.2; Adam
 * 0.001, no clipping; encoder and decoder start as the same random rows, of norm 0.1.
 */
export interface PAnnealOptions extends AnnealingOptions {
  l1: number;
  penalty: 'Lp^p' | 'Lp';
}

export class PAnnealAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant = 'p-anneal';
  readonly activation: Activation = { type: 'relu' };
  private readonly annealed: AnnealedPenalty;

  constructor(
    width: number,
    features: number,
    weights: InferenceWeights,
    private readonly options: PAnnealOptions,
  ) {
    super(width, features, weights);
    this.annealed = new AnnealedPenalty(options.l1, options);
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => linear(this.input(acts_BD), this.encoder_FD, this.encoderBias_F).relu());
  }

  backward(acts_BD: tf.Tensor2D, { step, sparsity }: StepContext): StepResult {
    const tf = tensorflow();
    const B = acts_BD.shape[0];
    const { p, next, coefficient } = this.annealed.at(step);
    const scaled = coefficient * sparsity;
    const { losses, sums_F, upcoming, ...gradients } = tf.tidy(() => {
      const input_BD = this.input(acts_BD);
      const features_BF = linear(input_BD, this.encoder_FD, this.encoderBias_F).relu<tf.Tensor2D>();
      const error_BD = tf.tidy(() => input_BD.sub<tf.Tensor2D>(tf.matMul(features_BF, this.decoder_FD)));
      const reconstruction = error_BD.square().sum().div<tf.Scalar>(B);
      const penalty = this.penalty(features_BF, p, scaled);
      const gradient_BD = error_BD.mul<tf.Tensor2D>(-2 / B);
      const slopes = reluGradients(input_BD, features_BF, gradient_BD, this.decoder_FD, penalty.slopes);
      return {
        losses: {
          loss: reconstruction.add<tf.Scalar>(penalty.value.mul(scaled)),
          reconstruction,
          penalty: penalty.value,
          p: tf.scalar(p),
          coefficient: tf.scalar(coefficient),
        },
        sums_F: features_BF.sum<tf.Tensor1D>(0),
        upcoming:
          next === null ? [] : [tf.tidy(() => this.norms(features_BF.pow(next), next).mean<tf.Scalar>())],
        encoder: slopes.encoder_FD,
        decoder: slopes.decoder_FD,
        encoder_bias: slopes.encoderBias_F,
        decoder_bias: this.decoderBiasGradient(slopes.decoderBias_D, slopes.encoderBias_F),
      };
    });
    this.annealed.observe(step, scalar(losses.penalty), upcoming[0] ? scalar(upcoming[0]) : null);
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    tf.dispose(upcoming);
    return { losses, gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]), fired_F };
  }

  state(): AnnealedPenaltyState {
    return this.annealed.state();
  }

  restore(state: AnnealedPenaltyState): void {
    this.annealed.restore(state);
  }

  /** mean over rows of P, and scaled * its gradient in f where f > 0. */
  private penalty(features_BF: tf.Tensor2D, p: number, scaled: number) {
    const tf = tensorflow();
    const B = features_BF.shape[0];
    if (p === 1) return { value: features_BF.sum().div<tf.Scalar>(B), slopes: scaled / B };
    const powers_BF = features_BF.pow<tf.Tensor2D>(p);
    const norms_B1 = this.norms(powers_BF, p);
    const value = norms_B1.mean<tf.Scalar>();
    const slopes = tf.tidy(() => {
      // f^(p - 1), 0 where f is 0: no gradient passes there.
      const inner_BF = tf.divNoNan(powers_BF, features_BF);
      // dP/df is p f^(p-1); of the root it is (sum f^p)^(1/p) / (sum f^p) times f^(p-1).
      return this.options.penalty === 'Lp^p'
        ? inner_BF.mul<tf.Tensor2D>((p * scaled) / B)
        : inner_BF.mul<tf.Tensor2D>(tf.divNoNan(norms_B1, powers_BF.sum(1, true)).mul(scaled / B));
    });
    return { value, slopes };
  }

  /** P of each row: [B, 1]. */
  private norms(powers_BF: tf.Tensor, p: number): tf.Tensor2D {
    const sums_B1 = powers_BF.sum<tf.Tensor2D>(1, true);
    return this.options.penalty === 'Lp^p' ? sums_B1 : sums_B1.pow(1 / p);
  }
}

const scalar = (tensor: tf.Scalar) => tensor.dataSync()[0] as number;
