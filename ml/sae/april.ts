import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { firedWhere } from './dead-latents.ts';
import { rowNorms } from './decoder-norm.ts';
import type { Activation } from './dictionary.ts';
import { reluGradients } from './relu-gradients.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * ReLU with an L1 penalty weighed by the decoder's norms, which are free: rows that grow while activations shrink gain
 * nothing (Anthropic, "Update on how we train SAEs", April 2024; SAELens' standard SAE; dictionary_learning's
 * StandardTrainerAprilUpdate):
 *
 *   f     = relu(x W_enc^T + b_enc),  or of x - b_dec
 *   x_hat = f W_dec + b_dec,  rows d_i of W_dec of any norm
 *   loss  = mean over rows of ||x - x_hat||^2  +  l1 * s * mean over rows of sum_i f_i ||d_i||
 *
 * s is the sparsity warm-up. Defaults: l1 0.1 for activations of mean square norm 1; Adam 0.001, gradients clipped at norm 1;
 * encoder and decoder start as the same random rows, of norm 0.1. SAELens' encoder reads x - b_dec, the update's x.
 *
 * `decoder-norm-squared` penalises f_i ||d_i||^2 instead: what dictionary_learning's trainer does with its class for this
 * update, which gives out features that have the norm in them already. Rows of small norm are then nearly free.
 */
export interface AprilOptions {
  l1: number;
  l1Weight: 'decoder-norm' | 'decoder-norm-squared';
  subtractsDecoderBias: boolean;
}

export const APRIL_DEFAULTS: AprilOptions = {
  l1: 0.1,
  l1Weight: 'decoder-norm',
  subtractsDecoderBias: false,
};

export class AprilAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant = 'april';
  readonly activation: Activation = { type: 'relu' };

  constructor(
    width: number,
    features: number,
    weights: InferenceWeights,
    private readonly options: AprilOptions,
  ) {
    super(width, features, weights, { ...options, unitNorm: false });
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() =>
      linear(this.input(acts_BD), this.encoder_FD, this.encoderBias_F)
        .relu()
        .mul<tf.Tensor2D>(rowNorms(this.decoder_FD)),
    );
  }

  backward(acts_BD: tf.Tensor2D, { sparsity }: StepContext): StepResult {
    const tf = tensorflow();
    const B = acts_BD.shape[0];
    const l1 = this.options.l1 * sparsity;
    const { losses, sums_F, ...gradients } = tf.tidy(() => {
      const input_BD = this.input(acts_BD);
      const features_BF = linear(input_BD, this.encoder_FD, this.encoderBias_F).relu<tf.Tensor2D>();
      const error_BD = tf.tidy(() => acts_BD.sub<tf.Tensor2D>(this.decodeRaw(features_BF)));
      const reconstruction = error_BD.square().sum().div<tf.Scalar>(B);
      const { weights_F, slopes_FD } = this.penaltyWeights();
      const sums_F = features_BF.sum<tf.Tensor1D>(0);
      const penalty = sums_F.mul(weights_F).sum().div<tf.Scalar>(B);
      const gradient_BD = error_BD.mul<tf.Tensor2D>(-2 / B);
      const slopes = reluGradients(
        input_BD,
        features_BF,
        gradient_BD,
        this.decoder_FD,
        weights_F.mul(l1 / B),
      );
      return {
        losses: { loss: reconstruction.add<tf.Scalar>(penalty.mul(l1)), reconstruction, l1: penalty },
        sums_F,
        encoder: slopes.encoder_FD,
        decoder: slopes.decoder_FD.add<tf.Tensor2D>(slopes_FD.mul(sums_F.mul(l1 / B).expandDims(1))),
        encoder_bias: slopes.encoderBias_F,
        decoder_bias: this.decoderBiasGradient(slopes.decoderBias_D, slopes.encoderBias_F),
      };
    });
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    return { losses, gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]), fired_F };
  }

  /** What weighs each activation, a function of its decoder row, and that function's gradient. */
  private penaltyWeights(): { weights_F: tf.Tensor1D; slopes_FD: tf.Tensor2D } {
    const tf = tensorflow();
    const norms_F = rowNorms(this.decoder_FD);
    return this.options.l1Weight === 'decoder-norm'
      ? { weights_F: norms_F, slopes_FD: tf.divNoNan(this.decoder_FD, norms_F.expandDims(1)) as tf.Tensor2D }
      : { weights_F: norms_F.square(), slopes_FD: this.decoder_FD.mul(2) };
  }
}
