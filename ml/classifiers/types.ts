import type * as tf from '@tensorflow/tfjs';

/**
 * A model that gives a whole text some numbers: the logits of labels, or one score (a reward model). A Hugging Face
 * `*ForSequenceClassification`; its parameters are tf.Variables keyed by their tensor names.
 */
export interface SequenceClassifier {
  /** The Hugging Face config.json, as read or as will be written. */
  readonly config: Record<string, unknown>;
  /** Names of the outputs, by index: `id2label` of the config. */
  readonly labels: readonly string[];
  /** The most tokens of a text. */
  readonly maxPositions: number;
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  /** logits_BL of token rows of any lengths (padded inside, padding unseen). Differentiable in the parameters. */
  logits(rows: readonly (readonly number[])[]): tf.Tensor2D;
  dispose(): void;
}
