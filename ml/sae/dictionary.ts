import type * as tf from '@tensorflow/tfjs';
import type { TextSelection } from '../activations/types.ts';
import { tensorflow } from '../engine/engine.ts';
import type { HookSite } from '../models/types.ts';

/**
 * A trained dictionary, ready to read activations with: the one view that probes, features and ablations have of every
 * variant. Works in the model's own units: any scaling used in training is folded into the biases.
 *
 *   encode   f = activation((x - pre_bias) W_enc + b_enc)
 *   decode   x_hat = f W_dec + b_dec  (+ x W_skip^T, with a skip connection)
 *
 * Every variant can be written so: batch-top-k, once trained, is `jumprelu` with one threshold for all features, and a
 * gated autoencoder (with tied encoders) is `jumprelu` with a threshold each.
 */
export interface Dictionary {
  /** How it was trained: `l1-tied`, `topk`, ... */
  readonly variant: string;
  /** The block (0-based) and the place in it that it reads. */
  readonly layer: number;
  readonly site: HookSite;
  /** D, the width of the activations that it reads. */
  readonly width: number;
  /** E, the width of those that it reconstructs: D, but for a transcoder. */
  readonly outputWidth: number;
  /** F, the number of features. */
  readonly features: number;
  /** One row a feature: the direction that it writes, f * row. [F, E] */
  readonly decoder_FD: tf.Tensor2D;
  readonly config: DictionaryConfig;
  /** Feature activations, all >= 0. acts [N, D] -> [N, F]. The caller disposes of the result. */
  encode(acts_ND: tf.Tensor2D): tf.Tensor2D;
  /**
   * Reconstruction in the model's units. features [N, F] -> [N, E]. The caller disposes of the result.
   *
   * @param acts_ND what was read: needed where there is a skip connection
   */
  decode(features_NF: tf.Tensor2D, acts_ND?: tf.Tensor2D): tf.Tensor2D;
  dispose(): void;
}

/**
 * How pre-activations become feature activations: relu(z); the k largest of relu(z) in each row; or z where it is above the
 * feature's threshold (>= 0), else 0.
 */
export type Activation = { type: 'relu' } | { type: 'topk'; k: number } | { type: 'jumprelu' };

/** What a dictionary is, beside its weights. Stored as `plumbline` inside cfg.json. */
export interface DictionaryConfig {
  variant: string;
  layer: number;
  site: HookSite;
  width: number;
  features: number;
  activation: Activation;
  /** Whether the encoder reads x - b_dec instead of x. */
  subtractsDecoderBias: boolean;
  /** Activations were multiplied by this while training; folded into the biases, kept for the record. */
  trainingScale: number;
  /** A running average of the smallest kept activation, in the model's units: f > threshold acts like top-k without ranking. */
  threshold: number | null;
  /** Digests of what it was trained on. */
  model: string;
  data: string;
  /** Which texts its training saw, so that an evaluation can stay clear of them. */
  texts: TextSelection;
  /** What its training saw of a text: positions from here on, of so many tokens. */
  skippedPositions: number;
  maxLength: number;
  /** The parameters of the step that trained it, with defaults filled in. */
  training: Record<string, unknown>;
  /** Of a transcoder: what it reconstructs instead of what it reads. */
  writes?: { layer: number; site: HookSite; width: number; skip: boolean };
  /**
   * Of a dictionary of two models: whether it reads the difference tuned - base, or both side by side, base first (then
   * `width` is that of both). `model` is the base, `tuned` the digest of the other.
   */
  pair?: { reads: 'difference' | 'both'; tuned: string };
}

/** Float32 weights as stored: W_enc [D, F], W_dec [F, D], b_enc [F], b_dec [D]; threshold [F] with `jumprelu` only. */
export interface DictionaryWeights {
  W_enc: Float32Array;
  W_dec: Float32Array;
  b_enc: Float32Array;
  b_dec: Float32Array;
  threshold?: Float32Array;
  /** [E, D], of a transcoder with a skip connection. Then W_dec is [F, E], b_dec [E]. */
  W_skip?: Float32Array;
}

/** A dictionary from its weights. */
export function createDictionary(config: DictionaryConfig, weights: DictionaryWeights): Dictionary {
  const tf = tensorflow();
  const { width, features } = config;
  const outputWidth = config.writes?.width ?? width;
  const encoder_DF = tf.tensor2d(weights.W_enc, [width, features]);
  const decoder_FD = tf.tensor2d(weights.W_dec, [features, outputWidth]);
  const encoderBias_F = tf.tensor1d(weights.b_enc);
  const decoderBias_D = tf.tensor1d(weights.b_dec);
  const threshold_F = weights.threshold ? tf.tensor1d(weights.threshold) : null;
  const skip_ED = weights.W_skip ? tf.tensor2d(weights.W_skip, [outputWidth, width]) : null;
  return {
    variant: config.variant,
    layer: config.layer,
    site: config.site,
    width,
    outputWidth,
    features,
    decoder_FD,
    config,
    encode: (acts_ND) =>
      tf.tidy(() => {
        const input_ND = config.subtractsDecoderBias ? acts_ND.sub<tf.Tensor2D>(decoderBias_D) : acts_ND;
        const pre_NF = tf.matMul(input_ND, encoder_DF).add<tf.Tensor2D>(encoderBias_F);
        const positive_NF = pre_NF.relu<tf.Tensor2D>();
        switch (config.activation.type) {
          case 'relu':
            return positive_NF;
          case 'topk':
            return keepLargest(positive_NF, config.activation.k);
          case 'jumprelu':
            return positive_NF.mul<tf.Tensor2D>(pre_NF.greater(threshold_F!).cast('float32'));
        }
      }),
    decode: (features_NF, acts_ND) =>
      tf.tidy(() => {
        const own_NE = tf.matMul(features_NF, decoder_FD).add<tf.Tensor2D>(decoderBias_D);
        if (!skip_ED) return own_NE;
        if (!acts_ND)
          throw new Error('A transcoder with a skip connection needs what was read to reconstruct');
        return own_NE.add<tf.Tensor2D>(tf.matMul(acts_ND, skip_ED, false, true));
      }),
    dispose: () =>
      tf.dispose([encoder_DF, decoder_FD, encoderBias_F, decoderBias_D, threshold_F ?? [], skip_ED ?? []]),
  };
}

/** Zeroes all but the k largest of each row. Values that tie with the k-th are kept. */
export function keepLargest(positive_NF: tf.Tensor2D, k: number): tf.Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const { values } = tf.topk(positive_NF, Math.min(k, positive_NF.shape[1]), true);
    const smallestKept_N1 = values.min(1, true);
    return positive_NF.mul<tf.Tensor2D>(positive_NF.greaterEqual(smallestKept_N1).cast('float32'));
  });
}
