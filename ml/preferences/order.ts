import { stream } from '../random/stream.ts';

/** Which of `pairs` pairs each step takes: all of them in a new random order each time around, `batch` a step. */
export function pairOrder(pairs: number, batch: number, seed: number): (step: number) => Int32Array {
  let round = -1;
  let order: Int32Array = new Int32Array(0);
  return (step) =>
    Int32Array.from({ length: batch }, (_, b) => {
      const place = step * batch + b;
      const ofRound = Math.floor(place / pairs);
      if (ofRound !== round) {
        round = ofRound;
        order = stream(seed, `rlhf.dpo/order/${round}`).permutation(pairs);
      }
      return order[place % pairs] as number;
    });
}

/** Pairs of a part, below. A multiple of what is measured at once. */
const PART = 64;

/**
 * The pairs that `steps` steps take, in parts whose log-probabilities are measured each by itself, since the last bits of
 * those depend on what they are measured with. All pairs in one part where all are taken, as they are measured beforehand;
 * else whole parts in the order of training, a few pairs more than are taken, so that a longer run has the same parts.
 */
export function pairsTaken(pairs: number, batch: number, seed: number, steps: number): Int32Array[] {
  const taken = steps * batch;
  if (taken >= pairs) return [Int32Array.from({ length: pairs }, (_, i) => i)];
  const order = pairOrder(pairs, pairs, seed)(0);
  return Array.from({ length: Math.ceil(taken / PART) }, (_, i) => order.slice(i * PART, (i + 1) * PART));
}
