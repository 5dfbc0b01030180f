import type { RandomStream } from '../random/stream.ts';

/**
 * Permutation test: how often does a random re-pairing of the labels give a statistic as large as the observed one?
 * p = (1 + #{as extreme}) / (1 + permutations), which is never 0 and keeps its level (Phipson & Smyth, Stat. Appl. Genet.
 * Mol. Biol. 9, 2010). The rows must be exchangeable under the null hypothesis: for repeated words, permute words.
 *
 * Defaults: 2000 permutations, two-sided (on the absolute value).
 */
export interface PermutationOptions {
  stream: RandomStream;
  permutations?: number;
  alternative?: 'two-sided' | 'greater' | 'less';
}

/** @param statistic gets a permutation of 0 .. rows-1 (a view, reused), the identity for the observed value. */
export function permutationTest(
  rows: number,
  statistic: (permutation: Int32Array) => number,
  { stream, permutations = 2000, alternative = 'two-sided' }: PermutationOptions,
): { value: number; p_value: number } {
  const drawn = Int32Array.from({ length: rows }, (_, i) => i);
  const value = statistic(drawn);
  const extremity = (v: number) =>
    alternative === 'two-sided' ? Math.abs(v) : alternative === 'greater' ? v : -v;
  // Summation order differs between permutations: a tie must still count as one.
  const bar = extremity(value) - 1e-12 * Math.max(1, Math.abs(value));
  let extreme = 1;
  for (let b = 0; b < permutations; b++) {
    for (let i = rows - 1; i > 0; i--) {
      const j = stream.integer(i + 1);
      const kept = drawn[i] as number;
      drawn[i] = drawn[j] as number;
      drawn[j] = kept;
    }
    if (extremity(statistic(drawn)) >= bar) extreme++;
  }
  return { value, p_value: extreme / (1 + permutations) };
}
