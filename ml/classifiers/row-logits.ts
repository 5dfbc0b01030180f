import { dataOf } from '../engine/data-of.ts';
import type { SequenceClassifier } from './types.ts';

/** Padded tokens of one forward pass. */
const TOKENS_AT_ONCE = 8192;

/**
 * The logits [L] of every token row, in order and without gradients. Rows of similar lengths share a pass, so that little
 * padding is computed.
 */
export function rowLogits(
  classifier: SequenceClassifier,
  rows: readonly (readonly number[])[],
  tokensAtOnce = TOKENS_AT_ONCE,
): Float32Array[] {
  const lengthOf = (row: number) => (rows[row] as readonly number[]).length;
  const order = [...rows.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  const logits = new Array<Float32Array>(rows.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && (to + 1 - from) * lengthOf(order[to] as number) <= tokensAtOnce) to++;
    const part = order.slice(from, to);
    const values = dataOf(() => classifier.logits(part.map((row) => rows[row] as readonly number[])));
    const outputs = values.length / part.length;
    for (const [i, row] of part.entries()) logits[row] = values.slice(i * outputs, (i + 1) * outputs);
    from = to;
  }
  return logits;
}
