import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { rowNorms } from './decoder-norm.ts';

/**
 * Pulls the pre-activations of dead features up to their thresholds, which gives them a gradient again (Anthropic, January
 * 2025, for all features; SAELens' `calculate_pre_act_loss`, for dead ones, as here):
 *
 *   loss = coefficient * mean over rows of sum over dead i of relu(theta_i - z_i) ||d_i||
 *
 * Anthropic's coefficient is 3e-6. Must run inside `tf.tidy`.
 *
 * @param excess_BF z - theta
 * @param dead at least one
 * @returns the loss, its coefficient in it, and its gradients in z, theta and W_dec
 */
export function preActivationLoss(
  excess_BF: tf.Tensor2D,
  decoder_FD: tf.Tensor2D,
  dead: Int32Array,
  coefficient: number,
): { loss: tf.Scalar; pre_BF: tf.Tensor2D; threshold_F: tf.Tensor1D; decoder_FD: tf.Tensor2D } {
  const tf = tensorflow();
  const [B, F] = excess_BF.shape;
  const mask = new Float32Array(F);
  for (const f of dead) mask[f] = coefficient / B;
  const scale_F = tf.tensor1d(mask);
  const norms_F = rowNorms(decoder_FD);
  const slopes_F = scale_F.mul<tf.Tensor1D>(norms_F);
  const missing_F = tf.tidy(() => excess_BF.neg().relu().sum<tf.Tensor1D>(0));
  const below_BF = tf.tidy(() => excess_BF.less(0).cast<tf.Tensor2D>('float32'));
  return {
    loss: missing_F.mul(slopes_F).sum(),
    pre_BF: below_BF.mul(slopes_F.neg()),
    threshold_F: below_BF.sum<tf.Tensor1D>(0).mul(slopes_F),
    decoder_FD: decoder_FD.mul(tf.divNoNan(missing_F.mul(scale_F), norms_F).expandDims(1)),
  };
}
