import type * as tf from '@tensorflow/tfjs';
import { addRows } from '../engine/add-rows.ts';
import { tensorflow } from '../engine/engine.ts';
import { reluGradient } from '../engine/relu-gradient.ts';
import { sparseMatMul } from '../engine/sparse-matmul.ts';
import { type AuxiliaryForm, auxiliaryLoss, totalVariance } from './auxiliary-loss.ts';
import { decoderProducts, errorAndProducts } from './gathered-rows.ts';
import { type KeptFeatures, keptBy, spread, spreadTransposed } from './kept-features.ts';
import { joinRows, rowChunks } from './row-chunks.ts';
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
  const B = target_BD.shape[0];
  const normaliser = options.reconstruction === 'fvu' ? totalVariance(target_BD) : tf.scalar(B);
  // In parts, so that no sparse matrix is one of the blocks that are costly to allocate.
  const parts = rowChunks(B, weights.decoder_FD.shape[0]).map(([start, rows]) =>
    tf.tidy(() => {
      const of = (x_BD: tf.Tensor2D) => x_BD.slice<tf.Tensor2D>([start, 0], [rows, -1]);
      const own = levels.map(({ kept, weight }) => ({ kept: keptBy(kept, start, rows), weight }));
      return reconstructionGradients(of(input_BD), of(target_BD), own, weights, normaliser);
    }),
  );
  const summed = <T extends tf.Tensor>(take: (part: ReconstructionGradients) => T): T =>
    parts.map(take).reduce((sum, part) => tf.add<T>(sum, part));
  const reconstruction = summed((part) => part.loss);
  let encoder = summed((part) => part.encoder);
  let decoder = summed((part) => part.decoder);
  let encoder_bias = summed((part) => part.encoder_bias);
  let decoder_bias = summed((part) => part.decoder_bias);

  const { auxiliaryCoefficient: coefficient } = options;
  let auxiliary: tf.Scalar = tf.scalar(0);
  if (coefficient > 0 && dead.length > 0) {
    const dead_N = tf.tensor1d(dead, 'int32');
    const error_BD = joinRows(parts.map((part) => part.error_BD));
    const inputs = { ...weights, acts_BD: target_BD, input_BD, error_BD, dead_N };
    const extra = auxiliaryLoss(inputs, coefficient, options.auxiliaryForm);
    auxiliary = extra.loss;
    decoder = addRows(decoder, dead_N, extra.decoder_ND);
    encoder = addRows(encoder, dead_N, extra.encoder_ND);
    encoder_bias = addRows(encoder_bias, dead_N, extra.encoderBias_N);
    decoder_bias = decoder_bias.add(extra.decoderBias_D);
  }
  const loss = reconstruction.add<tf.Scalar>(auxiliary.mul(coefficient));
  return { losses: { loss, reconstruction, auxiliary }, encoder, decoder, encoder_bias, decoder_bias };
}

type ReconstructionGradients = Omit<SparseGradients, 'losses'> & {
  loss: tf.Scalar;
  /** Of the last level. */
  error_BD: tf.Tensor2D;
};

/** Without AuxK, of some rows. */
function reconstructionGradients(
  input_BD: tf.Tensor2D,
  target_BD: tf.Tensor2D,
  levels: readonly Level[],
  { decoder_FD, decoderBias_D }: SparseWeights,
  normaliser: tf.Scalar,
): ReconstructionGradients {
  const tf = tensorflow();
  const [B, D] = target_BD.shape;
  const centred_BD = target_BD.sub<tf.Tensor2D>(decoderBias_D);
  const lossOf = (error_BD: tf.Tensor2D, weight: number) =>
    error_BD.square().sum().div(normaliser).mul<tf.Scalar>(weight);
  const factorOf = (weight: number) => tf.scalar(-2 * weight).div<tf.Scalar>(normaliser);

  const [only] = levels;
  if (only && levels.length === 1 && only.kept.rows_G === null) {
    const { kept, weight } = only;
    const factor = factorOf(weight);
    const { error_BD, products_BW } = errorAndProducts(kept, decoder_FD, centred_BD, factor);
    const gradient_BD = error_BD.mul<tf.Tensor2D>(factor);
    const own = levelGradients(kept, products_BW, gradient_BD, input_BD);
    const decoder_bias = gradient_BD.sum<tf.Tensor1D>(0);
    return { loss: lossOf(error_BD, weight), error_BD, ...own, decoder_bias };
  }

  let error_BD = centred_BD;
  let loss: tf.Scalar = tf.scalar(0);
  let start = 0;
  const forward = levels.map(({ kept, weight }) => {
    const rows_LD =
      levels.length === 1 ? decoder_FD : decoder_FD.slice<tf.Tensor2D>([start, 0], [kept.features, D]);
    start += kept.features;
    error_BD = tf.tidy(() =>
      error_BD.sub<tf.Tensor2D>(sparseMatMul(spread(kept, kept.values_GW, B), rows_LD)),
    );
    loss = tf.tidy(() => loss.add<tf.Scalar>(lossOf(error_BD, weight)));
    return { kept, rows_LD, gradient_BD: error_BD.mul<tf.Tensor2D>(factorOf(weight)) };
  });

  // A feature is part of the reconstructions of its own level and of all after it.
  let gradient_BD: tf.Tensor2D = tf.zeros([B, D]);
  const backward = forward.toReversed().map((level) => {
    const { kept, rows_LD } = level;
    gradient_BD = levels.length === 1 ? level.gradient_BD : gradient_BD.add(level.gradient_BD);
    return tf.tidy(() =>
      levelGradients(kept, decoderProducts(kept, rows_LD, gradient_BD), gradient_BD, input_BD),
    );
  });
  backward.reverse();
  return {
    loss,
    error_BD,
    encoder: joined(backward.map(({ encoder }) => encoder)),
    decoder: joined(backward.map(({ decoder }) => decoder)),
    encoder_bias: joined(backward.map((level) => level.encoder_bias)),
    decoder_bias: gradient_BD.sum<tf.Tensor1D>(0),
  };
}

/**
 * @param products_GW <dloss/dx_hat, row of the decoder> = dloss/df at the kept places; passed on where the rectifier was open
 * @param gradient_BD dloss/dx_hat
 */
function levelGradients(
  kept: KeptFeatures,
  products_GW: tf.Tensor2D,
  gradient_BD: tf.Tensor2D,
  input_BD: tf.Tensor2D,
) {
  const B = gradient_BD.shape[0];
  const decoder = sparseMatMul(spreadTransposed(kept, kept.values_GW, B), gradient_BD);
  const pre_LB = spreadTransposed(kept, reluGradient(products_GW, kept.values_GW), B);
  return { decoder, encoder: sparseMatMul(pre_LB, input_BD), encoder_bias: pre_LB.sum<tf.Tensor1D>(1) };
}

const joined = <T extends tf.Tensor1D | tf.Tensor2D>(parts: T[]): T =>
  parts.length === 1 ? (parts[0] as T) : (tensorflow().concat(parts, 0) as T);
