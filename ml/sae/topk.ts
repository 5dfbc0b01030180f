import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { sparseMatMul } from '../engine/sparse-matmul.ts';
import { keepTopK, topK } from '../engine/top-k.ts';
import { AUXILIARY_FORMS } from './auxiliary-loss.ts';
import { firedOf } from './dead-latents.ts';
import type { Activation } from './dictionary.ts';
import { type KSchedule, keptAt } from './k-schedule.ts';
import type { KeptFeatures } from './kept-features.ts';
import { joinRows, rowChunks } from './row-chunks.ts';
import { type SparseLossOptions, sparseGradients } from './sparse-gradients.ts';
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
export type TopKOptions = KSchedule & SparseLossOptions;

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
    for (const k of [options.k, options.annealing?.start ?? options.k]) {
      if (!(Number.isInteger(k) && k >= 1 && k <= features)) {
        throw new RangeError(
          `topk: k is ${k}, but must be a whole number between 1 and the ${features} features`,
        );
      }
    }
    this.activation = { type: 'topk', k: options.k };
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => keepTopK(this.pre(this.input(acts_BD)).relu(), this.options.k));
  }

  override decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => sparseMatMul(features_BF, this.decoder_FD).add<tf.Tensor2D>(this.decoderBias_D));
  }

  backward(acts_BD: tf.Tensor2D, { step, dead }: StepContext): StepResult {
    const tf = tensorflow();
    const k = keptAt(this.options, step);
    let values = new Float32Array();
    let indices = new Int32Array();
    const { losses, ...gradients } = tf.tidy(() => {
      const input_BD = this.input(acts_BD);
      const kept = this.keep(input_BD, k);
      values = kept.values_GW.dataSync() as Float32Array<ArrayBuffer>;
      indices = kept.columns_GW.dataSync() as Int32Array<ArrayBuffer>;
      const { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D } = this;
      const weights = { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D };
      const result = sparseGradients(input_BD, acts_BD, [{ kept, weight: 1 }], weights, dead, this.options);
      return {
        ...result,
        decoder_bias: this.decoderBiasGradient(result.decoder_bias, result.encoder_bias),
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
  private keep(input_BD: tf.Tensor2D, k: number): KeptFeatures {
    const tf = tensorflow();
    const parts = rowChunks(input_BD.shape[0], this.features).map(([start, rows]) =>
      tf.tidy(() => {
        const { values_NK, indices_NK } = topK(this.pre(input_BD.slice([start, 0], [rows, -1])), k);
        // Rectifying the kept ones alone: order, and so the choice, is the same.
        return [values_NK.relu<tf.Tensor2D>(), indices_NK] as const;
      }),
    );
    return {
      features: this.features,
      values_GW: joinRows(parts.map(([values_NK]) => values_NK)),
      columns_GW: joinRows(parts.map(([, indices_NK]) => indices_NK)),
      rows_G: null,
    };
  }
}
