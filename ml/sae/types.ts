import type * as tf from '@tensorflow/tfjs';
import type { Activation } from './dictionary.ts';

/** Shapes in names: B batch, D width of the activations, F features, K features kept a row, N dead features. */

/** Trained parameters. Encoder and decoder both hold one row a feature; a tied autoencoder has no decoder of its own. */
export type ParameterName = 'encoder' | 'decoder' | 'encoder_bias' | 'decoder_bias';

/** What a step may depend on beside the weights and the batch. */
export interface StepContext {
  /** Factor on the sparsity penalty, 0 to 1: its warm-up. */
  sparsity: number;
  /** Indices of the features that count as dead, ascending. */
  dead: Int32Array;
}

export interface StepResult {
  /** `loss` is the total. Scalars that the caller disposes of. */
  losses: { loss: tf.Scalar } & Record<string, tf.Scalar>;
  /** dloss/dparameter, in the parameter's shape. The caller disposes of them. */
  gradients: Map<ParameterName, tf.Tensor>;
  /** Top-k variants: what each row kept. Values of 0 did not fire. */
  kept?: { values: Float32Array; indices: Int32Array; k: number };
}

export interface InferenceWeights {
  encoder_FD: Float32Array;
  decoder_FD: Float32Array;
  encoderBias_F: Float32Array;
  decoderBias_D: Float32Array;
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
  /** Whether the encoder reads x - b_dec. */
  readonly subtractsDecoderBias: boolean;
  /** Feature activations of acts_BD: [B, F]. */
  encode(acts_BD: tf.Tensor2D): tf.Tensor2D;
  /** Reconstruction: [B, D]. */
  decode(features_BF: tf.Tensor2D): tf.Tensor2D;
  /** Losses on a batch and their gradients. */
  backward(acts_BD: tf.Tensor2D, context: StepContext): StepResult;
  /** What a dictionary is made of, in training units: tied and normalised weights as they act. */
  inferenceWeights(): InferenceWeights;
  /** Replaces gradients before they are clipped, disposing of those replaced. */
  constrainGradients?(gradients: Map<ParameterName, tf.Tensor>): void;
  /** Restores what must hold between steps, such as unit norms. */
  constrainParameters?(): void;
  dispose(): void;
}
