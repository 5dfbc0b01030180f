import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { reluGradient } from '../engine/relu-gradient.ts';
import { sparseMatMul, sparseMatMulTransposed } from '../engine/sparse-matmul.ts';
import { keepTopK, topK } from '../engine/top-k.ts';
import {
  AUXILIARY_FORMS,
  type AuxiliaryForm,
  type AuxiliaryResult,
  auxiliaryLoss,
  totalVariance,
} from './auxiliary-loss.ts';
import { firedOf } from './dead-latents.ts';
import type { Activation } from './dictionary.ts';
import { meanRowMinimum } from './threshold.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * TopK (Gao et al. 2024, eq. 2-4; dictionary_learning's TopKTrainer):
 *
 *   f     = the k largest of relu((x - b_dec) W_enc^T + b_enc), 0 elsewhere
 *   x_hat = f W_dec + b_dec,  rows of W_dec of unit norm
 *   loss  = mean over rows of ||x - x_hat||^2  +  coefficient * AuxK
 *
 * Defaults: coefficient 1/32 with AuxK as dictionary_learning has it. `reconstruction: 'fvu'` divides the squared error by
 * the batch's variance instead of its rows (sparsify).
 *
 * Only the first product is dense: the backward pass touches the k kept features of each row alone.
 */
export interface TopKOptions {
  k: number;
  /** 0 leaves the auxiliary loss out. */
  auxiliaryCoefficient: number;
  auxiliaryForm: AuxiliaryForm;
  reconstruction: 'squared-error' | 'fvu';
}

export const TOPK_DEFAULTS: Omit<TopKOptions, 'k'> = {
  auxiliaryCoefficient: 1 / 32,
  auxiliaryForm: AUXILIARY_FORMS['dictionary-learning'],
  reconstruction: 'squared-error',
};

export class TopKAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant = 'topk';
  readonly activation: Activation;

  constructor(
    width: number,
    features: number,
    weights: InferenceWeights,
    private readonly options: TopKOptions,
  ) {
    super(width, features, weights);
    if (!(options.k >= 1 && options.k <= features)) {
      throw new RangeError(`topk: k is ${options.k}, but must lie between 1 and the ${features} features`);
    }
    this.activation = { type: 'topk', k: options.k };
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => keepTopK(this.pre(acts_BD.sub(this.decoderBias_D)).relu(), this.options.k));
  }

  decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => sparseMatMul(features_BF, this.decoder_FD).add<tf.Tensor2D>(this.decoderBias_D));
  }

  backward(acts_BD: tf.Tensor2D, { dead }: StepContext): StepResult {
    const tf = tensorflow();
    const { k, reconstruction } = this.options;
    const B = acts_BD.shape[0];
    let values = new Float32Array();
    let indices = new Int32Array();
    const { losses, ...gradients } = tf.tidy(() => {
      const input_BD = acts_BD.sub<tf.Tensor2D>(this.decoderBias_D);
      const { values_BK, indices_BK } = this.rank(input_BD);
      values = values_BK.dataSync() as Float32Array<ArrayBuffer>;
      indices = indices_BK.dataSync() as Int32Array<ArrayBuffer>;
      const places_P1 = this.places(indices_BK);
      const features_BF = this.spread(values_BK, places_P1, B);

      const error_BD = tf.tidy(() => input_BD.sub<tf.Tensor2D>(sparseMatMul(features_BF, this.decoder_FD)));
      const squares = error_BD.square().sum<tf.Scalar>();
      const normaliser = reconstruction === 'fvu' ? totalVariance(acts_BD) : tf.scalar(B);
      const main = squares.div<tf.Scalar>(normaliser);
      const gradient_BD = error_BD.mul<tf.Tensor2D>(tf.scalar(-2).div(normaliser));

      let decoder = sparseMatMulTransposed(features_BF, gradient_BD);
      features_BF.dispose();
      // dloss/df at the kept places alone: <dloss/dx_hat, row of the decoder>, passed on where the rectifier was open.
      const slopes_BK = reluGradient(this.productsAt(indices_BK, gradient_BD), values_BK);
      const pre_BF = this.spread(slopes_BK, places_P1, B);
      let encoder = sparseMatMulTransposed(pre_BF, input_BD);
      let encoder_bias = pre_BF.sum<tf.Tensor1D>(0);
      pre_BF.dispose();
      let decoder_bias = gradient_BD.sum<tf.Tensor1D>(0);

      let auxiliary: tf.Scalar = tf.scalar(0);
      if (this.options.auxiliaryCoefficient > 0 && dead.length > 0) {
        const dead_N = tf.tensor1d(dead, 'int32');
        const extra = this.auxiliary(acts_BD, input_BD, error_BD, dead_N);
        auxiliary = extra.loss;
        decoder = addRows(decoder, dead_N, extra.decoder_ND);
        encoder = addRows(encoder, dead_N, extra.encoder_ND);
        encoder_bias = addRows(encoder_bias, dead_N, extra.encoderBias_N);
        decoder_bias = decoder_bias.add(extra.decoderBias_D);
      }
      return {
        losses: {
          loss: main.add<tf.Scalar>(auxiliary.mul(this.options.auxiliaryCoefficient)),
          reconstruction: main,
          auxiliary,
        },
        encoder,
        decoder,
        encoder_bias,
        decoder_bias: decoder_bias.add<tf.Tensor1D>(this.inputBiasGradient(encoder_bias)),
      };
    });
    return {
      losses,
      gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]),
      fired_F: firedOf(this.features, indices, values),
      smallestKept: meanRowMinimum(values, k),
    };
  }

  private pre(input_BD: tf.Tensor2D): tf.Tensor2D {
    return linear(input_BD, this.encoder_FD, this.encoderBias_F);
  }

  /** The k largest rectified pre-activations of each row. */
  private rank(input_BD: tf.Tensor2D): { values_BK: tf.Tensor2D; indices_BK: tf.Tensor2D } {
    const tf = tensorflow();
    const { k } = this.options;
    const parts = rowChunks(input_BD.shape[0], this.features).map(([start, rows]) =>
      tf.tidy(() => {
        const { values_NK, indices_NK } = topK(this.pre(input_BD.slice([start, 0], [rows, -1])), k);
        // Rectifying the kept ones alone: order, and so the choice, is the same.
        return [values_NK.relu<tf.Tensor2D>(), indices_NK] as const;
      }),
    );
    return {
      values_BK: joinRows(parts.map(([values_NK]) => values_NK)),
      indices_BK: joinRows(parts.map(([, indices_NK]) => indices_NK)),
    };
  }

  /** <row of the decoder, gradient> for each kept feature: [B, k]. */
  private productsAt(indices_BK: tf.Tensor2D, gradient_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    const [B, k] = indices_BK.shape;
    const D = this.width;
    const parts = rowChunks(B, k * D).map(([start, rows]) =>
      tf.tidy(() => {
        const indices_P = indices_BK.slice([start, 0], [rows, k]).reshape<tf.Tensor1D>([rows * k]);
        const rows_RKD = tf.gather(this.decoder_FD, indices_P).reshape<tf.Tensor3D>([rows, k, D]);
        const gradient_RD1 = gradient_BD.slice([start, 0], [rows, D]).reshape<tf.Tensor3D>([rows, D, 1]);
        return tf.matMul(rows_RKD, gradient_RD1).reshape<tf.Tensor2D>([rows, k]);
      }),
    );
    return joinRows(parts);
  }

  /** Where each kept feature lies in the flattened [B, F]. */
  private places(indices_BK: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    const [B, k] = indices_BK.shape;
    return tf.tidy(() => {
      const starts_B1 = tf.range(0, B * this.features, this.features, 'int32').expandDims(1);
      return indices_BK.add(starts_B1).reshape([B * k, 1]);
    });
  }

  /** values_BK at `places`, 0 elsewhere: [B, F]. */
  private spread(values_BK: tf.Tensor2D, places_P1: tf.Tensor2D, B: number): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() =>
      tf.scatterND(places_P1, values_BK.flatten(), [B * this.features]).reshape([B, this.features]),
    );
  }

  private auxiliary(
    acts_BD: tf.Tensor2D,
    input_BD: tf.Tensor2D,
    error_BD: tf.Tensor2D,
    dead_N: tf.Tensor1D,
  ): AuxiliaryResult {
    const { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D } = this;
    const inputs = {
      acts_BD,
      input_BD,
      error_BD,
      dead_N,
      encoder_FD,
      encoderBias_F,
      decoder_FD,
      decoderBias_D,
    };
    return auxiliaryLoss(inputs, this.options.auxiliaryCoefficient, this.options.auxiliaryForm);
  }
}

/**
 * Numbers in one result at most. Larger blocks are given back to the system each time they are freed, and faulting them in
 * again costs more than computing them.
 */
const CHUNK_NUMBERS = 4 * 2 ** 20;

/** [start, rows] of the parts in which to compute a result of `numbers` numbers a row. */
function rowChunks(B: number, numbers: number): [number, number][] {
  const rows = Math.max(1, Math.floor(CHUNK_NUMBERS / numbers));
  return Array.from({ length: Math.ceil(B / rows) }, (_, i) => [i * rows, Math.min(rows, B - i * rows)]);
}

function joinRows(parts: tf.Tensor2D[]): tf.Tensor2D {
  return parts.length === 1 ? (parts[0] as tf.Tensor2D) : tensorflow().concat(parts, 0);
}

/** `all` with `rows` added at `indices_N` (distinct) of its first axis. */
function addRows<T extends tf.Tensor>(all: T, indices_N: tf.Tensor1D, rows: tf.Tensor): T {
  const tf = tensorflow();
  return all.add(tf.scatterND(indices_N.expandDims(1), rows, all.shape)) as T;
}
