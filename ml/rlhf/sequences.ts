import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { tensorflow } from '../engine/engine.ts';
import type { LanguageModel } from '../models/types.ts';

/** A prompt (at least one token) and what was written after it, up to and with the end-of-text token if there is one. */
export interface Sequence {
  prompt: readonly number[];
  response: readonly number[];
}

/**
 * Sequences side by side, padded on the right: causal attention keeps padding from being seen, so no mask is needed. The N
 * response tokens of all rows come row after row.
 */
export interface PackedSequences {
  rows: number;
  /** T: the longest row. */
  width: number;
  /** [B, T], row-major. */
  ids: Int32Array;
  /** Real response tokens of each row; their sum is N. */
  lengths: number[];
  /** Of each response token: which of the B x T positions predicts it, i.e. the one before it. */
  predictors: Int32Array;
  /** Of each response token: its id. */
  labels: Int32Array;
}

export function packSequences(sequences: readonly Sequence[], padId: number): PackedSequences {
  const rows = sequences.length;
  const width = Math.max(...sequences.map(({ prompt, response }) => prompt.length + response.length));
  const lengths = sequences.map(({ response }) => response.length);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(rows * width).fill(padId);
  const predictors = new Int32Array(tokens);
  const labels = new Int32Array(tokens);
  let n = 0;
  for (const [row, { prompt, response }] of sequences.entries()) {
    if (prompt.length === 0)
      throw new RangeError(`Sequence ${row} has no prompt: nothing predicts its first token`);
    const start = row * width;
    ids.set(prompt, start);
    ids.set(response, start + prompt.length);
    for (const [t, id] of response.entries()) {
      predictors[n] = start + prompt.length - 1 + t;
      labels[n++] = id;
    }
  }
  return { rows, width, ids, lengths, predictors, labels };
}

/**
 * hidden_ND at the positions that predict the N response tokens: one trunk for logits and values, and no unembedding of
 * prompts or padding. Differentiable in the model's parameters.
 */
export function responseHidden(model: LanguageModel, packed: PackedSequences): tf.Tensor2D {
  const { rows, width, ids, predictors } = packed;
  const tf = tensorflow();
  const hidden_BTD = model.forward(tf.tensor2d(ids, [rows, width], 'int32'));
  return embed(hidden_BTD.reshape([rows * width, model.width]), tf.tensor1d(predictors, 'int32'));
}
