import { stream } from '../random/stream.ts';
import type { TextSelection } from './types.ts';

/** Indices of the texts in the order in which a capture visits them. */
export function visitingOrder({ total, shuffle }: Pick<TextSelection, 'total' | 'shuffle'>): Int32Array {
  if (shuffle) return stream(shuffle.seed, shuffle.stream).permutation(total);
  return Int32Array.from({ length: total }, (_, i) => i);
}

/** Texts that the capture did not visit, in visiting order: free for evaluations on text that no dictionary saw. */
export function unvisited(selection: TextSelection): Int32Array {
  return visitingOrder(selection).subarray(selection.visited);
}
