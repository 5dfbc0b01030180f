import { stream } from '../../random/stream.ts';
import { proportion } from '../../stats/proportion.ts';
import type { Estimate } from '../../stats/types.ts';
import { type Matrix, takeRows } from '../algebra/matrix.ts';
import { predict } from '../linear-probe.ts';
import { fitLogistic } from '../logistic.ts';

/**
 * The published probe of preferences: a logistic regression (C 1, L2, nothing scaled) that tells preferred responses from rejected
 * ones by the label of the pair, fitted on four fifths of the responses and read on the others. Published was a split by response:
 * the two sides of a pair, and other answers to its prompt, stand on both sides of it.
 *
 * What it shows is that the classes differ in the activations, of any model: not that tuning taught the difference.
 */
export interface PublishedOptions {
  seed: number;
  /** `response`: as published. `prompt`: all responses to a prompt are on the same side. */
  split: 'response' | 'prompt';
}

const TEST_SHARE = 0.2;

/**
 * Accuracy on the responses kept back; Wilson's interval, which takes responses for independent.
 *
 * @param rows two a pair, the preferred response first
 * @param texts of the rows: of equal ones the first is kept, as published
 * @param prompts one a pair
 */
export function publishedAccuracy(
  rows: Matrix,
  texts: readonly string[],
  prompts: readonly string[],
  { seed, split }: PublishedOptions,
): Estimate {
  const first = new Map<string, number>();
  texts.forEach((text, i) => {
    if (!first.has(text)) first.set(text, i);
  });
  const kept = [...first.values()];
  const unitOf = (i: number) => (split === 'prompt' ? (prompts[i >> 1] as string) : String(i));
  const units = [...new Set(kept.map(unitOf))];
  const order = stream(seed, 'probe.preferences/published').permutation(units.length);
  const test = new Set(
    Array.from(order.subarray(0, Math.ceil(TEST_SHARE * units.length)), (u) => units[u] as string),
  );
  const [seen, unseen] = [false, true].map((held) => kept.filter((i) => test.has(unitOf(i)) === held)) as [
    number[],
    number[],
  ];
  const label = (i: number) => 1 - (i & 1);
  const probe = fitLogistic(takeRows(rows, seen), seen.map(label));
  const right = predict(probe, takeRows(rows, unseen)).filter(
    (odds, k) => Number(odds > 0) === label(unseen[k] as number),
  );
  return proportion(right.length, unseen.length, 'response');
}
