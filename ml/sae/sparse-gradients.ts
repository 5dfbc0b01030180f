import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { reluGradient } from '../engine/relu-gradient.ts';
import { sparseMatMul, sparseMatMulTransposed } from '../engine/sparse-matmul.ts';
import { type AuxiliaryForm, auxiliaryLoss, totalVariance } from './auxiliary-loss.ts';
import { decoderProducts, type KeptFeatures, spread } from './kept-features.ts';
import type { StepResult } from './types.ts';

/**
 * The losses and gradients of variants that keep few features, whichever way they choose them:
 *
 *   x_hat_j = sum over the features of levels 1 to j of f W_dec + b_dec
 *   loss    = sum_j weight_j * (sum of (x - x_hat_j)^2) / normaliser  +  coefficient * AuxK
 *
 * Plain top-k has one level, of all features; Matryoshka several. The backward pass touches the kept features alone.
 */
export interface SparseLossOptions {
  /** Of AuxK; 0 leaves it out. */
  auxiliaryCoefficient: number;
  auxiliaryForm: AuxiliaryForm;
  /** What the squared error is divided by: the rows of the batch, or its variance. */
  reconstruction: 'squared-error' | 'fvu';
}

/** Consecutive features, what the batch keeps of them, and the weight of what they and all before them reconstruct. */
export interface Level {
  kept: KeptFeatures;
  weight: number;
}

export interface SparseWeights {
  encoder_FD: tf.Tensor2D;
  encoderBias_F: tf.Tensor1D;
  decoder_FD: tf.Tensor2D;
  decoderBias_D: tf.Tensor1D;
}

export interface SparseGradients {
  losses: StepResult['losses'];
  encoder: tf.Tensor2D;
  decoder: tf.Tensor2D;
  encoder_bias: tf.Tensor1D;
  /** Without what the decoder bias does by way of the encoder. */
  decoder_bias: tf.Tensor1D;
}

/**
 * Must run inside `tf.tidy`.
 *
 * @param input_BD what the encoder read
 * @param target_BD what to reconstruct
 */
export function sparseGradients(
  input_BD: tf.Tensor2D,
  target_BD: tf.Tensor2D,
  levels: readonly Level[],
  weights: SparseWeights,
  dead: Int32Array,
  options: SparseLossOptions,
): SparseGradients {
  const tf = tensorflow();
  const { decoder_FD } = weights;
  const [B, D] = target_BD.shape;
  const normaliser = options.reconstruction === 'fvu' ? totalVariance(target_BD) : tf.scalar(B);

  let error_BD = target_BD.sub<tf.Tensor2D>(weights.decoderBias_D);
  let main: tf.Scalar | null = null;
  let start = 0;
  const forward = levels.map(({ kept, weight }) => {
    const rows_LD =
      levels.length === 1 ? decoder_FD : decoder_FD.slice<tf.Tensor2D>([start, 0], [kept.features, D]);
    start += kept.features;
    const features_BL = spread(kept, kept.values_GW, B);
    error_BD = tf.tidy(() => error_BD.sub<tf.Tensor2D>(sparseMatMul(features_BL, rows_LD)));
    const loss = tf.tidy(() => error_BD.square().sum().div<tf.Scalar>(normaliser).mul<tf.Scalar>(weight));
    main = main ? tf.add<tf.Scalar>(main, loss) : loss;
    const gradient_BD = error_BD.mul<tf.Tensor2D>(tf.scalar(-2 * weight).div(normaliser));
    return { kept, rows_LD, features_BL, gradient_BD };
  });

  // A feature is part of the reconstructions of its own level and of all after it.
  let gradient_BD: tf.Tensor2D | null = null;
  const decoders: tf.Tensor2D[] = [];
  const encoders: tf.Tensor2D[] = [];
  const biases: tf.Tensor1D[] = [];
  for (const level of forward.toReversed()) {
    gradient_BD = gradient_BD ? gradient_BD.add<tf.Tensor2D>(level.gradient_BD) : level.gradient_BD;
    decoders.unshift(sparseMatMulTransposed(level.features_BL, gradient_BD));
    level.features_BL.dispose();
    // dloss/df at the kept places alone: <dloss/dx_hat, row of the decoder>, passed on where the rectifier was open.
    const { kept, rows_LD } = level;
    const slopes_GW = reluGradient(decoderProducts(kept, rows_LD, gradient_BD), kept.values_GW);
    const pre_BL = spread(kept, slopes_GW, B);
    encoders.unshift(sparseMatMulTransposed(pre_BL, input_BD));
    biases.unshift(pre_BL.sum<tf.Tensor1D>(0));
    pre_BL.dispose();
  }
  let decoder = joined(decoders);
  let encoder = joined(encoders);
  let encoder_bias = joined(biases);
  let decoder_bias = (gradient_BD as unknown as tf.Tensor2D).sum<tf.Tensor1D>(0);

  const { auxiliaryCoefficient: coefficient } = options;
  let auxiliary: tf.Scalar = tf.scalar(0);
  if (coefficient > 0 && dead.length > 0) {
    const dead_N = tf.tensor1d(dead, 'int32');
    const inputs = { ...weights, acts_BD: target_BD, input_BD, error_BD, dead_N };
    const extra = auxiliaryLoss(inputs, coefficient, options.auxiliaryForm);
    auxiliary = extra.loss;
    decoder = addRows(decoder, dead_N, extra.decoder_ND);
    encoder = addRows(encoder, dead_N, extra.encoder_ND);
    encoder_bias = addRows(encoder_bias, dead_N, extra.encoderBias_N);
    decoder_bias = decoder_bias.add(extra.decoderBias_D);
  }
  const reconstruction = main as unknown as tf.Scalar;
  const loss = reconstruction.add<tf.Scalar>(auxiliary.mul(coefficient));
  return { losses: { loss, reconstruction, auxiliary }, encoder, decoder, encoder_bias, decoder_bias };
}

const joined = <T extends tf.Tensor1D | tf.Tensor2D>(parts: T[]): T =>
  parts.length === 1 ? (parts[0] as T) : (tensorflow().concat(parts, 0) as T);

/** `all` with `rows` added at `indices_N` (distinct) of its first axis. */
function addRows<T extends tf.Tensor>(all: T, indices_N: tf.Tensor1D, rows: tf.Tensor): T {
  const tf = tensorflow();
  return all.add(tf.scatterND(indices_N.expandDims(1), rows, all.shape)) as T;
}
