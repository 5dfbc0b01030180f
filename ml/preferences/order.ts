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

/** The pairs that `steps` steps take, in ascending order. */
export function pairsTaken(pairs: number, batch: number, seed: number, steps: number): Int32Array {
  if (steps * batch >= pairs) return Int32Array.from({ length: pairs }, (_, i) => i);
  return pairOrder(pairs, steps * batch, seed)(0).sort();
}
