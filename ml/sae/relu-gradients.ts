import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { reluGradient } from '../engine/relu-gradient.ts';

/**
 * The backward pass that the ReLU variants share:
 *
 *   f = relu(input W_enc^T + b_enc),  x_hat = f W_dec + b_dec,  loss = R(x_hat) + P(f)
 *
 * Must run inside `tf.tidy`.
 *
 * @param gradient_BD dR/dx_hat
 * @param penalty dP/df where f > 0: one number for all, one a feature, or one for each [B, F]
 * @returns dloss/dparameter, without what a decoder bias does when it is also subtracted from the input
 */
export function reluGradients(
  input_BD: tf.Tensor2D,
  features_BF: tf.Tensor2D,
  gradient_BD: tf.Tensor2D,
  decoder_FD: tf.Tensor2D,
  penalty: number | tf.Tensor,
): {
  encoder_FD: tf.Tensor2D;
  decoder_FD: tf.Tensor2D;
  encoderBias_F: tf.Tensor1D;
  decoderBias_D: tf.Tensor1D;
} {
  const tf = tensorflow();
  const pre_BF = tf.tidy(() =>
    reluGradient(tf.matMul(gradient_BD, decoder_FD, false, true).add<tf.Tensor2D>(penalty), features_BF),
  );
  return {
    encoder_FD: tf.matMul(pre_BF, input_BD, true),
    decoder_FD: tf.matMul(features_BF, gradient_BD, true),
    encoderBias_F: pre_BF.sum(0),
    decoderBias_D: gradient_BD.sum(0),
  };
}
