import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { majority, measureAgreement } from '../../../ml/features/agreement.ts';
import type { Relation } from '../../../ml/features/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { differenceInterval } from '../../../ml/stats/difference-interval.ts';
import { fleissKappa } from '../../../ml/stats/fleiss-kappa.ts';
import { proportion } from '../../../ml/stats/proportion.ts';

type Answer = 'related' | 'unrelated' | 'unsure';
const fixture = JSON.parse(readFileSync(new URL('../../fixtures/labels.json', import.meta.url), 'utf8')) as {
  raters: { labels: Answer[][]; cohen: number; fleiss: number; agreement: number }[];
  difference_of_shares: { counts: [number, number, number, number]; low: number; high: number }[];
};
const said = (answer: Answer): Relation => ({ status: 'labelled', answer, reason: 'so' });
const failed: Relation = { status: 'failed', code: 'llm-refused', message: 'no' };

test('agreement, Cohen’s and Fleiss’ kappa equal scikit-learn’s and statsmodels’', () => {
  for (const { labels, cohen, fleiss, agreement } of fixture.raters) {
    const subjects = (labels[0] as Answer[]).map((_, i) => labels.map((of) => of[i] as Answer));
    expect(fleissKappa(subjects)).toBeCloseTo(fleiss, 12);
    const found = measureAgreement(
      subjects.map((of) => of.map(said)),
      stream(0, 'agreement'),
    );
    expect(found?.cohen.value).toBeCloseTo(cohen, 12);
    expect(found?.fleiss.value).toBeCloseTo(fleiss, 12);
    expect(found?.agreement.value).toBeCloseTo(agreement, 12);
    expect(found?.fleiss.ci_low).toBeLessThan(fleiss);
    expect(found?.fleiss.ci_high).toBeGreaterThan(fleiss);
  }
});

test('features that a rater failed on are no disagreement, and one rater agrees with nobody', () => {
  const both = [said('related'), said('related')];
  const ratings = [both, [said('unrelated'), said('unrelated')], [said('related'), failed]];
  expect(measureAgreement(ratings, stream(0, 'a'))).toMatchObject({ agreement: { value: 1, n: 2 } });
  expect(measureAgreement([[said('related')]], stream(0, 'a'))).toBeUndefined();
  expect(measureAgreement([both, both], stream(0, 'a'))?.fleiss.value).toBeNaN();
  expect(() => fleissKappa([['a', 'b'], ['a']])).toThrow(/1 ratings of a subject, 2/);
});

test('most raters decide; without a majority a feature is unsure; failures do not vote', () => {
  expect(majority([said('related'), said('unrelated'), said('related')])).toMatchObject({
    answer: 'related',
  });
  expect(majority([said('related'), said('unrelated')])).toMatchObject({ answer: 'unsure' });
  expect(majority([said('related'), failed, failed])).toMatchObject({ answer: 'related' });
  expect(majority([failed, failed])).toEqual(failed);
  expect(majority([said('unrelated')])).toEqual(said('unrelated'));
});

test('the interval of a difference of shares equals statsmodels’ (Newcombe)', () => {
  for (const { counts, low, high } of fixture.difference_of_shares) {
    const [a, n, b, m] = counts;
    const interval = (successes: number, trials: number) => {
      const { value, ci_low, ci_high } = proportion(successes, trials, 'feature');
      return { value, low: ci_low as number, high: ci_high as number };
    };
    const found = differenceInterval(interval(a, n), interval(b, m));
    expect(found.low).toBeCloseTo(low, 10);
    expect(found.high).toBeCloseTo(high, 10);
  }
});
