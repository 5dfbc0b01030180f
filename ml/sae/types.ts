import type * as tf from '@tensorflow/tfjs';
import type { Activation } from './dictionary.ts';

/**
 * Shapes in names: B batch, D width of the activations read, E width of those reconstructed (D but for a transcoder), F
 * features, K features kept a row, N dead features.
 */

/**
 * A trained parameter: `encoder` [F, D] and `decoder` [F, E] (one row a feature; a tied autoencoder has no decoder of its
 * own), `encoder_bias` [F], `decoder_bias` [E], and what a variant has beside those.
 */
export type ParameterName = string;

/** What a step may depend on beside the weights and the batch. */
export interface StepContext {
  /** 0-based. */
  step: number;
  /** Factor on the sparsity penalty, 0 to 1: its warm-up. */
  sparsity: number;
  /** Indices of the features that count as dead, ascending. */
  dead: Int32Array;
  /** What to reconstruct, [B, E]; absent: what is read. */
  target_BE?: tf.Tensor2D;
}

export interface StepResult {
  /** `loss` is the total. Scalars that the caller disposes of. */
  losses: { loss: tf.Scalar } & Record<string, tf.Scalar>;
  /** dloss/dparameter, in the parameter's shape. The caller disposes of them. */
  gradients: Map<ParameterName, tf.Tensor>;
  /** 1 for each feature that fired on the batch, 0 for the others: [F]. Absent: dead features are not counted. */
  fired_F?: Uint8Array;
  /**
   * What the running threshold averages: the batch's smallest kept activation, as the variant defines it. null: none was
   * kept. Absent: the variant has no running threshold.
   */
  smallestKept?: number | null;
}

export interface InferenceWeights {
  encoder_FD: Float32Array;
  decoder_FD: Float32Array;
  encoderBias_F: Float32Array;
  decoderBias_D: Float32Array;
  /** With activation `jumprelu`: pre-activations at or below it count as 0. In training units, >= 0. */
  threshold_F?: Float32Array;
  /** Of a transcoder with a skip connection: y_hat has x W^T too. [E, D] */
  skip_ED?: Float32Array;
}

/** One variant in training. Works on activations already scaled for training. */
export interface SparseAutoencoder {
  readonly variant: string;
  /** D */
  readonly width: number;
  /** F */
  readonly features: number;
  readonly parameters: ReadonlyMap<ParameterName, tf.Variable>;
  readonly activation: Activation;
  /** Of Adam; absent: 0.9 and 0.999. */
  readonly betas?: { beta1: number; beta2: number };
  /** Whether the encoder reads x - b_dec. */
  readonly subtractsDecoderBias: boolean;
  /** Feature activations of acts_BD: [B, F]. */
  encode(acts_BD: tf.Tensor2D): tf.Tensor2D;
  /** Reconstruction: [B, D]. */
  decode(features_BF: tf.Tensor2D): tf.Tensor2D;
  /** Losses on a batch and their gradients. */
  backward(acts_BD: tf.Tensor2D, context: StepContext): StepResult;
  /**
   * What a dictionary is made of, in training units: tied and normalised weights as they act.
   *
   * @param threshold the running threshold, for variants whose dictionaries use it; null before there is one
   */
  inferenceWeights(threshold?: number | null): InferenceWeights;
  /** Replaces gradients before they are clipped, disposing of those replaced. */
  constrainGradients?(gradients: Map<ParameterName, tf.Tensor>): void;
  /** Restores what must hold between steps, such as unit norms. */
  constrainParameters?(): void;
  /** What later steps depend on beside the parameters and the step; goes through JSON. */
  state?(): unknown;
  restore?(state: unknown): void;
  dispose(): void;
}
