import { expect, test } from 'vitest';
import { familyOf } from '../../ml/triples/families.ts';
import { rewardedHalf } from './rewarded-half.ts';
import { ENOUGH_SEEDS, judgeNull, judgePlanted, type Measures } from './verdict.ts';

const nulls = (found: number, of: number): Measures[] =>
  Array.from({ length: of }, (_, i) => ({ found: Number(i < found), found_faithful: 1 }));

test('a false-positive rate within 5 % is shown by 59 seeds without a claim, or 93 with one, and by no fewer', () => {
  expect(ENOUGH_SEEDS).toBe(59);
  const verdicts = [
    [0, 59],
    [0, 58],
    [1, 59],
    [1, 92],
    [1, 93],
    [2, 124],
    [1, 5],
  ].map(([found, of]) => judgeNull(nulls(found as number, of as number)).verdict);
  expect(verdicts).toEqual([
    'shown',
    'too-few-seeds',
    'not-shown',
    'not-shown',
    'shown',
    'shown',
    'not-shown',
  ]);
});

const planted = (gaps: number[], bases: number[]): Measures[] =>
  gaps.map((gap, i) => ({
    ...{ raw_auc_gap: gap, raw_auc_base: bases[i] as number, raw_auc_random: 0.5 - 0.01 * (-1) ** i },
    ...{ raw_found: 1, sae_found: 0, raw_found_faithful: 1, sae_found_faithful: 1 },
  }));

test('a planted truth is found when the AUC is above chance over seeds and that of no control is', () => {
  expect(judgePlanted(planted([0.7, 0.72, 0.68], [0.49, 0.52, 0.5]))).toMatchObject({
    verdict: 'shown',
    estimates: { raw_auc_gap: { value: expect.closeTo(0.7, 12) }, sae_found: { value: 0, n: 3 } },
  });
  expect(judgePlanted(planted([0.7, 0.3, 0.68], [0.49, 0.52, 0.5])).verdict).toBe('not-shown');
  expect(judgePlanted(planted([0.7, 0.72, 0.68], [0.6, 0.61, 0.6])).verdict).toBe('not-shown');
  expect(judgePlanted(planted([0.7], [0.5])).verdict).toBe('too-few-seeds');
});

test('half of the families of each sign are rewarded, whole, another half with another seed', () => {
  const words = ['good', 'goodness', 'great', 'lovely', 'superb', 'bad', 'awful', 'gross', 'dull'];
  const values = new Map(words.map((word, i) => [word, i < 5 ? 2 : -2]));
  const halves = [0, 1, 2, 3, 4, 5].map((seed) => rewardedHalf(values, seed));
  for (const half of halves) {
    const families = [...new Set([...half.keys()].map(familyOf))];
    expect(
      families.filter((family) => words.slice(0, 5).some((word) => familyOf(word) === family)),
    ).toHaveLength(2);
    expect(families).toHaveLength(4);
    expect(half.has('good')).toBe(half.has('goodness'));
    for (const [word, value] of half) expect(value).toBe(values.get(word));
  }
  expect(rewardedHalf(values, 3)).toEqual(halves[3]);
  expect(new Set(halves.map((half) => [...half.keys()].join())).size).toBeGreaterThan(1);
});
