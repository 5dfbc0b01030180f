import type { Matrix } from '../../../ml/probes/algebra/matrix.ts';
import type { ProbeRow } from '../../../ml/probes/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { familyOf } from '../../../ml/triples/families.ts';
import { dealFamilies } from '../../../ml/triples/folds.ts';

/** Triples of made-up words with values, and features in which the value is written along one direction, or is not. */
export interface SyntheticOptions {
  /** Of the words, their values and folds. */
  seed: number;
  /** Of the features: another model of the same words. Default: `seed`. */
  model?: number;
  /** Words of each sign. */
  words: number;
  rowsPerWord: number;
  features: number;
  /** Weight of the value in the features; 0: pure noise. */
  signal: number;
  /** Each word's own random features, the same at all its occurrences. */
  wordNoise: number;
  rowNoise?: number;
  folds?: number;
}

export function syntheticProbeData(options: SyntheticOptions): {
  rows: ProbeRow[];
  features: Matrix;
  values: Map<string, number>;
} {
  const { seed, words, rowsPerWord, features: F, signal, wordNoise, rowNoise = 0.5, folds = 5 } = options;
  const draws = stream(seed, 'synthetic');
  const letters = 'bcdfghjklmnpqrstvwxz';
  const name = (i: number) =>
    [0, 1, 2, 3].map((p) => letters[Math.floor(i / letters.length ** p) % letters.length]).join('');
  const values = new Map<string, number>();
  for (let i = 0; i < words; i++) {
    values.set(`${name(i)}ly`, 0.3 + 3 * draws.uniform());
    values.set(`${name(10_000 + i)}ing`, -0.3 - 3 * draws.uniform());
  }
  const ratings = { value: (word: string) => values.get(word) ?? 0, has: (word: string) => values.has(word) };
  const dealt = dealFamilies(values.keys(), ratings, folds, stream(seed, 'folds'));
  const noise = stream(options.model ?? seed, 'features');
  const direction = Float64Array.from({ length: F }, () => noise.normal());
  const centre = new Map([...values].map(([word, v]) => [word, signalOf(v)]));
  function signalOf(v: number) {
    return Float64Array.from(
      { length: F },
      (_, j) => signal * v * (direction[j] as number) + wordNoise * noise.normal(),
    );
  }
  const byFold = (fold: number, sign: number) =>
    [...values]
      .filter(([word, v]) => dealt.get(familyOf(word)) === fold && Math.sign(v) === sign)
      .map(([word]) => word);
  const pairs: { positive: string; negative: string; fold: number }[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const positive = byFold(fold, 1);
    const negative = byFold(fold, -1);
    const count = rowsPerWord * Math.max(positive.length, negative.length);
    for (let i = 0; i < count; i++) {
      pairs.push({
        positive: positive[i % positive.length] as string,
        negative: negative[i % negative.length] as string,
        fold,
      });
    }
  }
  const data = new Float32Array(3 * pairs.length * F);
  const rows: ProbeRow[] = [];
  const order = stream(seed, 'split').permutation(pairs.length);
  pairs.forEach((pair, triple) => {
    const split = (order[triple] as number) < 0.2 * pairs.length ? 'test' : 'train';
    for (const [offset, word] of [pair.positive, null, pair.negative].entries()) {
      const own = word === null ? null : (centre.get(word) as Float64Array);
      for (let j = 0; j < F; j++) {
        data[(3 * triple + offset) * F + j] = (own ? (own[j] as number) : 0) + rowNoise * noise.normal();
      }
      if (word === null) continue;
      const member = offset === 0 ? 'positive' : 'negative';
      rows.push({ triple, member, word, value: values.get(word) as number, fold: pair.fold, split });
    }
  });
  return { rows, features: { rows: 3 * pairs.length, columns: F, data }, values };
}
