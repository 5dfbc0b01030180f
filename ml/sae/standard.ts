import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { firedWhere } from './dead-latents.ts';
import type { Activation } from './dictionary.ts';
import { reluGradients } from './relu-gradients.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * ReLU with an L1 penalty and a free decoder of unit norm (Bricken et al., "Towards Monosemanticity", 2023;
 * dictionary_learning's StandardTrainer):
 *
 *   f     = relu((x - b_dec) W_enc^T + b_enc)
 *   x_hat = f W_dec + b_dec,  rows of W_dec of unit norm
 *   loss  = mean over rows of ||x - x_hat||^2  +  l1 * s * mean over rows of ||f||_1
 *
 * s is the sparsity warm-up. Defaults: l1 0.1 for activations of mean square norm 1; Adam 0.001, no clipping; encoder and
 * decoder start as the same random rows, of norm 0.1.
 */
export interface StandardOptions {
  l1: number;
}

export const STANDARD_DEFAULTS: StandardOptions = { l1: 0.1 };

export class StandardAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant = 'standard';
  readonly activation: Activation = { type: 'relu' };

  constructor(
    width: number,
    features: number,
    weights: InferenceWeights,
    private readonly options: StandardOptions,
  ) {
    super(width, features, weights);
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => linear(acts_BD.sub(this.decoderBias_D), this.encoder_FD, this.encoderBias_F).relu());
  }

  backward(acts_BD: tf.Tensor2D, { sparsity }: StepContext): StepResult {
    const tf = tensorflow();
    const B = acts_BD.shape[0];
    const l1 = this.options.l1 * sparsity;
    const { losses, sums_F, ...gradients } = tf.tidy(() => {
      const input_BD = acts_BD.sub<tf.Tensor2D>(this.decoderBias_D);
      const features_BF = linear(input_BD, this.encoder_FD, this.encoderBias_F).relu<tf.Tensor2D>();
      const error_BD = tf.tidy(() => input_BD.sub<tf.Tensor2D>(tf.matMul(features_BF, this.decoder_FD)));
      const reconstruction = error_BD.square().sum().div<tf.Scalar>(B);
      const sums_F = features_BF.sum<tf.Tensor1D>(0);
      const sum = sums_F.sum().div<tf.Scalar>(B);
      const slopes = reluGradients(input_BD, features_BF, error_BD.mul(-2 / B), this.decoder_FD, l1 / B);
      return {
        losses: { loss: reconstruction.add<tf.Scalar>(sum.mul(l1)), reconstruction, l1: sum },
        sums_F,
        encoder: slopes.encoder_FD,
        decoder: slopes.decoder_FD,
        encoder_bias: slopes.encoderBias_F,
        decoder_bias: slopes.decoderBias_D.add<tf.Tensor1D>(this.inputBiasGradient(slopes.encoderBias_F)),
      };
    });
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    return {
      losses,
      gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]),
      fired_F,
    };
  }
}
