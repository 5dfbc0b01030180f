import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { tensorflow } from '../engine/engine.ts';
import type { LanguageModel } from '../models/types.ts';
import { type PackedSequences, packSequences } from '../rlhf/sequences.ts';
import { type TokenSequence, toSequence } from './token-pairs.ts';

/**
 * hidden_ND at the positions that predict the N completion tokens of sequences, sequence after sequence, and the tokens.
 * Sequences of similar length pass the model together, so that little of the work goes into padding. Differentiable.
 */
export interface CompletionRows {
  hidden_ND: tf.Tensor2D;
  labels_N: tf.Tensor1D;
  /** Completion tokens of each sequence. */
  lengths: number[];
}

export function completionRows(
  model: LanguageModel,
  sequences: readonly TokenSequence[],
  padId: number,
): CompletionRows {
  const tf = tensorflow();
  const groups = similarLengths(sequences.map(({ ids }) => ids.length));
  const packs = groups.map((group) =>
    packSequences(
      group.map((i) => toSequence(sequences[i] as TokenSequence)),
      padId,
    ),
  );
  const hiddens = packs.map(({ rows, width, ids }) =>
    model.forward(tf.tensor2d(ids, [rows, width], 'int32')).reshape<tf.Tensor2D>([rows * width, model.width]),
  );
  const hidden_PD = hiddens.length === 1 ? (hiddens[0] as tf.Tensor2D) : tf.concat(hiddens, 0);
  const { predictors, labels, lengths } = inOrder(groups, packs, sequences.length);
  return {
    hidden_ND: embed(hidden_PD, tf.tensor1d(predictors, 'int32')),
    labels_N: tf.tensor1d(labels, 'int32'),
    lengths,
  };
}

/** What one more pass of the model costs, in padded tokens. */
const PASS_TOKENS = 64;

/**
 * Rows in groups of similar length: of all ways to cut the rows, sorted by length, into groups, the one with the fewest
 * padded tokens, each group counted as `PASS_TOKENS` more. Dynamic programming over the sorted rows.
 */
export function similarLengths(lengths: readonly number[]): number[][] {
  const order = [...lengths.keys()].sort((i, j) => (lengths[i] as number) - (lengths[j] as number) || i - j);
  const cost = [0];
  const from = [0];
  for (let end = 1; end <= order.length; end++) {
    const longest = lengths[order[end - 1] as number] as number;
    cost[end] = Number.POSITIVE_INFINITY;
    for (let start = end - 1; start >= 0; start--) {
      const whole = (cost[start] as number) + (end - start) * longest + PASS_TOKENS;
      if (whole >= (cost[end] as number)) continue;
      cost[end] = whole;
      from[end] = start;
    }
  }
  const groups: number[][] = [];
  for (let end = order.length; end > 0; end = from[end] as number)
    groups.unshift(order.slice(from[end] as number, end));
  return groups;
}

/** The rows of all packs, one pack after the other, brought into the order of the sequences. */
function inOrder(groups: readonly number[][], packs: readonly PackedSequences[], count: number) {
  const places: { predictors: Int32Array; labels: Int32Array }[] = new Array(count);
  let offset = 0;
  for (const [g, { predictors, labels, lengths, rows, width }] of packs.entries()) {
    let n = 0;
    for (const [row, length] of lengths.entries()) {
      places[groups[g]?.[row] as number] = {
        predictors: predictors.subarray(n, n + length).map((position) => position + offset),
        labels: labels.subarray(n, n + length),
      };
      n += length;
    }
    offset += rows * width;
  }
  return {
    predictors: joined(places.map((place) => place.predictors)),
    labels: joined(places.map((place) => place.labels)),
    lengths: places.map((place) => place.labels.length),
  };
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const out = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
