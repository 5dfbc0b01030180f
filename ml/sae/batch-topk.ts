import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { sparseMatMul } from '../engine/sparse-matmul.ts';
import { firedOf } from './dead-latents.ts';
import type { Activation } from './dictionary.ts';
import { type FlatTop, flatTopK } from './flat-top-k.ts';
import { keptAt } from './k-schedule.ts';
import { groupKept, spread } from './kept-features.ts';
import { rowChunks } from './row-chunks.ts';
import { type Level, sparseGradients } from './sparse-gradients.ts';
import { TOPK_DEFAULTS, type TopKOptions } from './topk.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { UntiedParameters } from './untied.ts';

/**
 * BatchTopK (Bussmann et al., "BatchTopK Sparse Autoencoders", 2024; dictionary_learning's BatchTopKTrainer):
 *
 *   f     = the k B largest of relu((x - b_dec) W_enc^T + b_enc) in the whole batch, 0 elsewhere
 *   x_hat = f W_dec + b_dec,  rows of W_dec of unit norm
 *   loss  = mean over rows of ||x - x_hat||^2  +  coefficient * AuxK
 *
 * So a row keeps as many features as it needs, k on average; k need not be whole (SAELens). Of equal activations at the
 * boundary, those of earlier rows are kept, then of earlier features.
 *
 * The trained dictionary has no batch: it keeps what is above one threshold, a running average of the batches' smallest kept
 * activations. Defaults: those of `topk`.
 */
export const BATCH_TOPK_DEFAULTS: Omit<TopKOptions, 'k'> = TOPK_DEFAULTS;

export class BatchTopKAutoencoder extends UntiedParameters implements SparseAutoencoder {
  readonly variant: string = 'batch-topk';
  readonly activation: Activation = { type: 'jumprelu' };

  constructor(
    width: number,
    features: number,
    weights: InferenceWeights,
    protected readonly options: TopKOptions,
  ) {
    super(width, features, weights);
    for (const k of [options.k, options.annealing?.start ?? options.k]) {
      if (!(k > 0 && k <= features)) {
        throw new RangeError(`k is ${k}, but must lie above 0 and not above the ${features} features`);
      }
    }
  }

  /** As in training: keeps k features a row on average. */
  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const { values_P, places_P } = this.keep(this.input(acts_BD), this.options.k);
      const kept = groupKept(values_P, places_P, this.features);
      return spread(kept, kept.values_GW, acts_BD.shape[0]);
    });
  }

  override decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => sparseMatMul(features_BF, this.decoder_FD).add<tf.Tensor2D>(this.decoderBias_D));
  }

  backward(acts_BD: tf.Tensor2D, { step, dead }: StepContext): StepResult {
    const tf = tensorflow();
    let top: FlatTop = { values_P: new Float32Array(0), places_P: new Int32Array(0) };
    const { losses, ...gradients } = tf.tidy(() => {
      const input_BD = this.input(acts_BD);
      top = this.keep(input_BD, keptAt(this.options, step));
      const { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D } = this;
      const weights = { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D };
      const result = sparseGradients(input_BD, acts_BD, this.levels(top), weights, dead, this.options);
      return {
        ...result,
        decoder_bias: this.decoderBiasGradient(result.decoder_bias, result.encoder_bias),
      };
    });
    const { features } = this;
    return {
      losses,
      gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]),
      fired_F: firedOf(
        features,
        top.places_P.map((place) => place % features),
        top.values_P,
      ),
      smallestKept: top.values_P.length === 0 ? null : top.values_P.reduce((a, b) => Math.min(a, b)),
    };
  }

  /** @param threshold null, before any was averaged: everything above 0 fires */
  override inferenceWeights(threshold: number | null = null): InferenceWeights {
    return {
      ...super.inferenceWeights(),
      threshold_F: new Float32Array(this.features).fill(threshold ?? 0),
    };
  }

  /** How the kept features are reconstructed from. */
  protected levels({ values_P, places_P }: FlatTop): Level[] {
    return [{ kept: groupKept(values_P, places_P, this.features), weight: 1 }];
  }

  private keep(input_BD: tf.Tensor2D, k: number): FlatTop {
    const B = input_BD.shape[0];
    const parts = rowChunks(B, this.features).map(([start, rows]) =>
      linear(input_BD.slice([start, 0], [rows, -1]), this.encoder_FD, this.encoderBias_F),
    );
    const top = flatTopK(parts, Math.floor(k * B));
    tensorflow().dispose(parts);
    return top;
  }
}
