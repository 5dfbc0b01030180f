import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readRatings } from '../../../../activities/annotation/read-ratings.ts';
import { measureRatings } from '../../../../ml/features/annotation/measure.ts';
import type { Question, Rating } from '../../../../ml/features/annotation/types.ts';
import { stream } from '../../../../ml/random/stream.ts';

const fixtures = new URL('../../../fixtures/', import.meta.url);
const packages = JSON.parse(readFileSync(new URL('annotation-agreement.json', fixtures), 'utf8')).released;

describe('the annotations that the paper released', async () => {
  const path = fileURLToPath(new URL('released-annotations.json', fixtures));
  const { ratings, questions } = await readRatings(path);
  const results = measureRatings(questions as Question[], ratings, stream(0, 'test'));

  test('give what the paper reports, over the 40 items that both answered', () => {
    expect(results.common).toHaveLength(40);
    const [first, second] = results.raters;
    expect([first?.common?.accuracy.value, second?.common?.accuracy.value]).toEqual([0.675, 0.7]);
    expect([first?.common?.none.value, second?.common?.none.value]).toEqual([0.2, 0.225]);
    expect(results.agreement?.value).toBe(0.875);
  });

  test('give all that each answered, and agreement as the packages compute it', () => {
    const [first, second] = results.raters;
    expect([first?.all.accuracy.n, second?.all.accuracy.n]).toEqual([49, 53]);
    expect(first?.all.accuracy.value).toBeCloseTo(0.694, 3);
    expect(second?.all.accuracy.value).toBeCloseTo(0.623, 3);
    expect(results.kappa?.value).toBeCloseTo(packages.kappa_both, 12);
    expect(results.alpha?.value).toBeCloseTo(packages.alpha, 12);
  });

  test('are better than chance, which is a fifth and not a quarter', () => {
    expect(results.chance).toBeCloseTo(0.2, 12);
    expect(results.accuracy.p_value).toBeLessThan(0.001);
    expect(results.accuracy.ci_low).toBeGreaterThan(0.5);
    expect(results.kappa?.ci_low).toBeGreaterThan(0.6);
    // None was ever right in the released items.
    expect(results.none_when_absent).toBeUndefined();
  });
});

const asked = (count: number, absent = 0): Question[] =>
  Array.from({ length: count }, (_, i) => ({
    item: `${i}`,
    options: 4,
    answer: i < absent ? 5 : 1 + (i % 4),
  }));

test('two raters who copy each other from a coin are not taken for evidence', () => {
  let below = 0;
  for (let run = 0; run < 30; run++) {
    const draws = stream(run, 'raters');
    const ratings = asked(20).flatMap(({ item }): Rating[] => {
      const choice = 1 + draws.integer(4);
      return ['a', 'b', 'c'].map((rater) => ({ rater, item, choice }));
    });
    const { accuracy } = measureRatings(asked(20), ratings, stream(run, 'test'));
    if ((accuracy.p_value as number) < 0.05) below++;
  }
  expect(below).toBeLessThanOrEqual(5);
});

test('none of the above is right where the description is absent', () => {
  const questions = asked(10, 4);
  const ratings = questions.map(
    ({ item }, i): Rating => ({ rater: 'a', item, choice: i < 3 ? 5 : 1 + (i % 4) }),
  );
  const results = measureRatings(questions, ratings, stream(0, 'test'));
  expect(results.none_when_absent?.value).toBe(0.75);
  expect(results.accuracy_present?.value).toBe(1);
  expect(results.accuracy.value).toBe(0.9);
  expect(results.agreement).toBeUndefined();
});

test('ratings that contradict each other or the kit are one error', () => {
  const rate = (item: string, choice: number): Rating => ({ rater: 'ann', item, choice });
  const measure = (ratings: Rating[]) => () => measureRatings(asked(3), ratings, stream(0, 'test'));
  expect(measure([rate('1', 2), rate('1', 3)])).toThrow('ann rated 1 twice, 2 and 3');
  expect(measure([rate('7', 2)])).toThrow('ann rated 7, which is not in the kit');
  expect(measure([rate('1', 6)])).toThrow('ann chose 6 for 1, which has 4 options');
  expect(measure([])).toThrow('There are no ratings');
});
