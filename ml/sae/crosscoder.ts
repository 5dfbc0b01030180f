import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { firedOf, firedWhere } from './dead-latents.ts';
import type { Activation } from './dictionary.ts';
import { flatTopK } from './flat-top-k.ts';
import { groupKept, spread } from './kept-features.ts';
import { rowChunks } from './row-chunks.ts';
import { type SparseLossOptions, sparseGradients } from './sparse-gradients.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { normPenalty, type RowPenalty, weighedL1Gradients } from './weighed-l1.ts';

/**
 * A crosscoder reads the activations of M models at the same tokens, here the model before and after tuning, and reconstructs
 * them all: what a feature writes in each says whether the models share it (Lindsey et al., "Sparse crosscoders for
 * cross-layer features and model diffing", 2024, eq. 1-4). Side by side, x = [x^1 .. x^M] of width M D:
 *
 *   f        = relu(sum_m x^m W_enc^m^T + b_enc)
 *   x_hat^m  = f W_dec^m + b_dec^m,  rows d_i^m of any norm
 *   n_i      = sum_m ||d_i^m||
 *   l1:         loss = mean over rows of sum_m ||x^m - x_hat^m||^2  +  l1 * s * mean over rows of sum_i f_i n_i
 *   batch-topk: f_i is 0 but where f_i n_i is among the k B largest of the batch; loss = the first term + coefficient * AuxK
 *
 * The second is that of Minder et al., "Overcoming sparsity artifacts in crosscoders to interpret chat-tuning", 2025,
 * section 2.2: with the L1 penalty features that both models share may be written as one model's alone. s is the sparsity
 * warm-up. Features are given out as f_i n_i, so that the norms of the rows of a dictionary sum to 1 over the models.
 *
 * Defaults: those of `april` and `batch-topk`; encoders and decoders start as the same random rows, of norm 0.1 for each model.
 */
export type CrosscoderOptions = { models: number } & (
  | { sparsity: 'l1'; l1: number }
  | ({ sparsity: 'batch-topk'; k: number } & SparseLossOptions)
);

export class Crosscoder implements SparseAutoencoder {
  readonly variant = 'crosscoder';
  readonly activation: Activation;
  readonly subtractsDecoderBias = false;
  readonly parameters = new Map<ParameterName, tf.Variable>();
  private readonly encoder_FD: tf.Variable<tf.Rank.R2>;
  private readonly decoder_FD: tf.Variable<tf.Rank.R2>;
  private readonly encoderBias_F: tf.Variable<tf.Rank.R1>;
  private readonly decoderBias_D: tf.Variable<tf.Rank.R1>;

  /** @param width of all models' activations together */
  constructor(
    readonly width: number,
    readonly features: number,
    weights: InferenceWeights,
    private readonly options: CrosscoderOptions,
  ) {
    const tf = tensorflow();
    if (width % options.models !== 0) throw new RangeError(`${width} is not ${options.models} equal widths`);
    if (options.sparsity === 'batch-topk' && !(options.k > 0 && options.k <= features)) {
      throw new RangeError(`k is ${options.k}, but must lie above 0 and not above the ${features} features`);
    }
    this.activation = { type: options.sparsity === 'l1' ? 'relu' : 'jumprelu' };
    this.encoder_FD = tf.variable(tf.tensor2d(weights.encoder_FD, [features, width]));
    this.decoder_FD = tf.variable(tf.tensor2d(weights.decoder_FD, [features, width]));
    this.encoderBias_F = tf.variable(tf.tensor1d(weights.encoderBias_F));
    this.decoderBias_D = tf.variable(tf.tensor1d(weights.decoderBias_D));
    this.parameters.set('encoder', this.encoder_FD);
    this.parameters.set('decoder', this.decoder_FD);
    this.parameters.set('encoder_bias', this.encoderBias_F);
    this.parameters.set('decoder_bias', this.decoderBias_D);
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const { weights_F } = this.penalty();
      if (this.options.sparsity === 'l1') {
        return linear(acts_BD, this.encoder_FD, this.encoderBias_F).relu().mul<tf.Tensor2D>(weights_F);
      }
      const { scores_P, places_P } = this.keep(acts_BD, weights_F, this.options.k);
      const kept = groupKept(scores_P, places_P, this.features);
      return spread(kept, kept.values_GW, acts_BD.shape[0]);
    });
  }

  decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const rows_FD = tf.divNoNan(this.decoder_FD, this.penalty().weights_F.expandDims(1)) as tf.Tensor2D;
      return tf.matMul(features_BF, rows_FD).add<tf.Tensor2D>(this.decoderBias_D);
    });
  }

  backward(acts_BD: tf.Tensor2D, context: StepContext): StepResult {
    return this.options.sparsity === 'l1'
      ? this.withPenalty(acts_BD, this.options.l1 * context.sparsity)
      : this.withLargest(acts_BD, this.options.k, this.options, context.dead);
  }

  private withPenalty(acts_BD: tf.Tensor2D, l1: number): StepResult {
    const { losses, sums_F, ...gradients } = tensorflow().tidy(() => {
      const { encoder_FD, encoderBias_F, decoder_FD: decoder_FE, decoderBias_D: decoderBias_E } = this;
      const { gradient_BE: _, ...result } = weighedL1Gradients({
        ...{ input_BD: acts_BD, target_BE: acts_BD, encoder_FD, encoderBias_F, decoder_FE, decoderBias_E },
        ...{ penalty: this.penalty(), l1 },
      });
      return result;
    });
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    return { losses, gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]), fired_F };
  }

  private withLargest(
    acts_BD: tf.Tensor2D,
    k: number,
    options: SparseLossOptions,
    dead: Int32Array,
  ): StepResult {
    const { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D, features } = this;
    let kept: ReturnType<Crosscoder['keep']> | undefined;
    const { losses, ...gradients } = tensorflow().tidy(() => {
      const weights = { encoder_FD, encoderBias_F, decoder_FD, decoderBias_D };
      kept = this.keep(acts_BD, this.penalty().weights_F, k);
      const level = { kept: groupKept(kept.values_P, kept.places_P, features), weight: 1 };
      return { ...sparseGradients(acts_BD, acts_BD, [level], weights, dead, options) };
    });
    const { values_P, scores_P, places_P } = kept as NonNullable<typeof kept>;
    const columns = places_P.map((place) => place % features);
    return {
      losses,
      gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]),
      fired_F: firedOf(features, columns, values_P),
      smallestKept: scores_P.length === 0 ? null : scores_P.reduce((a, b) => Math.min(a, b)),
    };
  }

  /** @param threshold of batch-topk; null, before any was averaged: everything above 0 fires */
  inferenceWeights(threshold: number | null = null): InferenceWeights {
    const norms_F = dataOf(() => this.penalty().weights_F.clone()).map((norm) => norm || 1);
    const perRow = (rows_FD: Float32Array, change: (value: number, norm: number) => number) =>
      rows_FD.map((value, i) => change(value, norms_F[Math.floor(i / this.width)] as number));
    return {
      encoder_FD: perRow(this.encoder_FD.dataSync() as Float32Array, (value, norm) => value * norm),
      decoder_FD: perRow(this.decoder_FD.dataSync() as Float32Array, (value, norm) => value / norm),
      encoderBias_F: (this.encoderBias_F.dataSync() as Float32Array).map((bias, f) => bias * norms_F[f]!),
      decoderBias_D: this.decoderBias_D.dataSync() as Float32Array,
      ...(this.activation.type === 'jumprelu' && {
        threshold_F: new Float32Array(this.features).fill(threshold ?? 0),
      }),
    };
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }

  /** n_i and its gradient. */
  private penalty(): RowPenalty {
    const tf = tensorflow();
    const models = tf
      .split<tf.Tensor2D>(this.decoder_FD as tf.Tensor2D, this.options.models, 1)
      .map(normPenalty);
    return {
      weights_F: tf.addN(models.map(({ weights_F }) => weights_F)),
      slopes_FE: tf.concat(
        models.map(({ slopes_FE }) => slopes_FE),
        1,
      ),
    };
  }

  /** The k B largest f_i n_i of the batch: these, f_i itself, and where they are in the flattened [B, F]. */
  private keep(acts_BD: tf.Tensor2D, norms_F: tf.Tensor1D, k: number) {
    const tf = tensorflow();
    const B = acts_BD.shape[0];
    const parts = rowChunks(B, this.features).map(([start, rows]) =>
      tf.tidy(() =>
        linear(acts_BD.slice([start, 0], [rows, -1]), this.encoder_FD, this.encoderBias_F).mul<tf.Tensor2D>(
          norms_F,
        ),
      ),
    );
    const { values_P: scores_P, places_P } = flatTopK(parts, Math.floor(k * B));
    tf.dispose(parts);
    const norms = norms_F.dataSync();
    const values_P = scores_P.map((score, p) => score / norms[places_P[p]! % this.features]!);
    return { scores_P, values_P, places_P };
  }
}
