import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { keepTopK } from '../engine/top-k.ts';

/**
 * AuxK: features that are dead try to reconstruct what the living ones leave over, which gives them a gradient again
 * (Gao et al., "Scaling and evaluating sparse autoencoders", 2024, appendix A.2).
 *
 *   e     = x - x_hat                                   the residual, a constant here
 *   a     = the k_aux largest activations among dead features, k_aux = min(D / 2, number of dead features)
 *   e_hat = a W_dec (+ b_dec)
 *   loss  = scale * sum (e - e_hat)^2 / normaliser
 *
 * The packages differ, so each way has its name; the default is `dictionary-learning`, with the coefficient 1/32 of Gao et al.
 */
export interface AuxiliaryForm {
  /** Whether `a` comes after or before the rectifier. */
  rectified: boolean;
  addsDecoderBias: boolean;
  /** sum (e - mean e)^2; sum (x - mean x)^2; or the number of rows. Means are over the batch. */
  normaliser: 'residual-variance' | 'input-variance' | 'rows';
  /** scale = min(1, dead features / (D / 2)) instead of 1. */
  scaledByDeadShare: boolean;
  /** Whether the encoder gets a gradient. sparsify's fast backward pass drops it. */
  trainsEncoder: boolean;
}

export const AUXILIARY_FORMS = {
  'dictionary-learning': {
    rectified: true,
    addsDecoderBias: false,
    normaliser: 'residual-variance',
    scaledByDeadShare: false,
    trainsEncoder: true,
  },
  sparsify: {
    rectified: true,
    addsDecoderBias: true,
    normaliser: 'input-variance',
    scaledByDeadShare: true,
    trainsEncoder: false,
  },
  saelens: {
    rectified: false,
    addsDecoderBias: true,
    normaliser: 'rows',
    scaledByDeadShare: true,
    trainsEncoder: true,
  },
} as const satisfies Record<string, AuxiliaryForm>;

export interface AuxiliaryInputs {
  acts_BD: tf.Tensor2D;
  /** What the encoder reads: x - b_dec. */
  input_BD: tf.Tensor2D;
  error_BD: tf.Tensor2D;
  encoder_FD: tf.Tensor2D;
  encoderBias_F: tf.Tensor1D;
  decoder_FD: tf.Tensor2D;
  decoderBias_D: tf.Tensor1D;
  /** At least one. */
  dead_N: tf.Tensor1D;
}

/** The loss (without coefficient) and coefficient * dloss/dparameter, for the rows of the dead features. */
export interface AuxiliaryResult {
  loss: tf.Scalar;
  decoder_ND: tf.Tensor2D;
  encoder_ND: tf.Tensor2D;
  encoderBias_N: tf.Tensor1D;
  decoderBias_D: tf.Tensor1D;
}

/** Must run inside `tf.tidy`. */
export function auxiliaryLoss(
  inputs: AuxiliaryInputs,
  coefficient: number,
  form: AuxiliaryForm,
): AuxiliaryResult {
  const tf = tensorflow();
  const { acts_BD, input_BD, error_BD, dead_N } = inputs;
  const [B, D] = acts_BD.shape;
  const dead = dead_N.shape[0];
  const half = Math.floor(D / 2);
  const kept = Math.min(half, dead);
  const scale = form.scaledByDeadShare ? Math.min(1, dead / half) : 1;

  const encoder_ND = tf.gather(inputs.encoder_FD, dead_N);
  const decoder_ND = tf.gather(inputs.decoder_FD, dead_N);
  const raw_BN = linear(input_BD, encoder_ND, tf.gather(inputs.encoderBias_F, dead_N));
  const candidates_BN = form.rectified ? raw_BN.relu<tf.Tensor2D>() : raw_BN;
  const acts_BN = kept < dead ? keepTopK(candidates_BN, kept) : candidates_BN;
  const product_BD = tf.matMul(acts_BN, decoder_ND);
  const guess_BD = form.addsDecoderBias ? product_BD.add<tf.Tensor2D>(inputs.decoderBias_D) : product_BD;

  const rest_BD = error_BD.sub<tf.Tensor2D>(guess_BD);
  const normaliser =
    form.normaliser === 'rows'
      ? tf.scalar(B)
      : totalVariance(form.normaliser === 'residual-variance' ? error_BD : acts_BD);
  // divNoNan: a residual without variance gives no loss, and no gradient.
  const loss = tf.divNoNan(rest_BD.square().sum().mul(scale), normaliser) as tf.Scalar;
  const gradient_BD = rest_BD.mul<tf.Tensor2D>(tf.divNoNan(tf.scalar(-2 * scale * coefficient), normaliser));

  const active_BN = acts_BN.notEqual(0).cast('float32');
  const pre_BN = tf.matMul(gradient_BD, decoder_ND, false, true).mul<tf.Tensor2D>(active_BN);
  const trained = form.trainsEncoder ? 1 : 0;
  return {
    loss,
    decoder_ND: tf.matMul(acts_BN, gradient_BD, true),
    encoder_ND: tf.matMul(pre_BN, input_BD, true).mul(trained),
    encoderBias_N: pre_BN.sum<tf.Tensor1D>(0).mul(trained),
    decoderBias_D: form.addsDecoderBias ? gradient_BD.sum<tf.Tensor1D>(0) : tf.zeros([D]),
  };
}

/** sum (x - mean over rows of x)^2, over all elements. */
export function totalVariance(acts_BD: tf.Tensor2D): tf.Scalar {
  const tf = tensorflow();
  return tf.tidy(() => acts_BD.sub(acts_BD.mean(0)).square().sum<tf.Scalar>());
}
