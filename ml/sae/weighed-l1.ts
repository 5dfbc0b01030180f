import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { reluGradients } from './relu-gradients.ts';
import type { StepResult } from './types.ts';

/**
 * The losses and gradients of ReLU variants whose decoder is free, whatever they read and reconstruct:
 *
 *   f     = relu(x W_enc^T + b_enc)
 *   y_hat = f W_dec + b_dec  (+ x W_skip^T)
 *   loss  = mean over rows of ||y - y_hat||^2  +  l1 * mean over rows of sum_i f_i w(d_i)
 *
 * w weighs an activation by its decoder row, so that rows gain nothing by growing.
 */
export interface WeighedL1Inputs {
  input_BD: tf.Tensor2D;
  target_BE: tf.Tensor2D;
  encoder_FD: tf.Tensor2D;
  encoderBias_F: tf.Tensor1D;
  decoder_FE: tf.Tensor2D;
  decoderBias_E: tf.Tensor1D;
  skip_ED?: tf.Tensor2D;
  penalty: RowPenalty;
  l1: number;
}

/** w(d_i) of every row, and its gradient. */
export interface RowPenalty {
  weights_F: tf.Tensor1D;
  slopes_FE: tf.Tensor2D;
}

export interface WeighedL1Result {
  losses: StepResult['losses'];
  encoder: tf.Tensor2D;
  decoder: tf.Tensor2D;
  encoder_bias: tf.Tensor1D;
  decoder_bias: tf.Tensor1D;
  /** dloss/dy_hat */
  gradient_BE: tf.Tensor2D;
  /** Sums of f over the batch. */
  sums_F: tf.Tensor1D;
}

/** Must run inside `tf.tidy`. */
export function weighedL1Gradients(inputs: WeighedL1Inputs): WeighedL1Result {
  const tf = tensorflow();
  const { input_BD, target_BE, encoder_FD, encoderBias_F, decoder_FE, decoderBias_E, skip_ED, l1 } = inputs;
  const { weights_F, slopes_FE } = inputs.penalty;
  const B = input_BD.shape[0];
  const features_BF = linear(input_BD, encoder_FD, encoderBias_F).relu<tf.Tensor2D>();
  const error_BE = tf.tidy(() => {
    const rest_BE = target_BE.sub<tf.Tensor2D>(decoderBias_E);
    const own_BE = skip_ED ? rest_BE.sub<tf.Tensor2D>(linear(input_BD, skip_ED)) : rest_BE;
    return own_BE.sub<tf.Tensor2D>(tf.matMul(features_BF, decoder_FE));
  });
  const reconstruction = error_BE.square().sum().div<tf.Scalar>(B);
  const sums_F = features_BF.sum<tf.Tensor1D>(0);
  const penalty = sums_F.mul(weights_F).sum().div<tf.Scalar>(B);
  const gradient_BE = error_BE.mul<tf.Tensor2D>(-2 / B);
  const slopes = reluGradients(input_BD, features_BF, gradient_BE, decoder_FE, weights_F.mul(l1 / B));
  return {
    losses: { loss: reconstruction.add<tf.Scalar>(penalty.mul(l1)), reconstruction, l1: penalty },
    encoder: slopes.encoder_FD,
    decoder: slopes.decoder_FD.add<tf.Tensor2D>(slopes_FE.mul(sums_F.mul(l1 / B).expandDims(1))),
    encoder_bias: slopes.encoderBias_F,
    decoder_bias: slopes.decoderBias_D,
    gradient_BE,
    sums_F,
  };
}

/** w = ||d_i||. A row of norm 0 has no gradient. */
export function normPenalty(rows_FE: tf.Tensor2D): RowPenalty {
  const tf = tensorflow();
  const weights_F = tf.square(rows_FE).sum<tf.Tensor1D>(1).sqrt<tf.Tensor1D>();
  return { weights_F, slopes_FE: tf.divNoNan(rows_FE, weights_F.expandDims(1)) as tf.Tensor2D };
}
