import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { auc } from '../../../ml/stats/auc.ts';
import { benjaminiHochberg } from '../../../ml/stats/benjamini-hochberg.ts';
import { cohenKappa } from '../../../ml/stats/cohen-kappa.ts';
import { exactProportion } from '../../../ml/stats/exact-proportion.ts';
import { holm } from '../../../ml/stats/holm.ts';
import { kendall } from '../../../ml/stats/kendall.ts';
import { normalCdf, normalQuantile, normalTwoSided } from '../../../ml/stats/normal.ts';
import { permutationTest } from '../../../ml/stats/permutation.ts';
import { proportion } from '../../../ml/stats/proportion.ts';
import { quantile } from '../../../ml/stats/quantile.ts';
import { rSquared } from '../../../ml/stats/r-squared.ts';
import { studentCdf, studentTwoSided } from '../../../ml/stats/student-t.ts';

const fixture = JSON.parse(readFileSync(new URL('../../fixtures/stats.json', import.meta.url), 'utf8'));

const close = (ours: number, theirs: number, relative = 1e-10) =>
  expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(relative * Math.abs(theirs) + 1e-300);
const allClose = (ours: ArrayLike<number>, theirs: number[], relative?: number) => {
  expect(ours.length).toBe(theirs.length);
  theirs.forEach((value, i) => {
    close(ours[i] as number, value, relative);
  });
};

describe('distributions equal scipy', () => {
  test('normal, to the far tails', () => {
    allClose(fixture.normal.z.map(normalCdf), fixture.normal.cdf, 1e-12);
    allClose(fixture.normal.p.map(normalQuantile), fixture.normal.quantile, 1e-12);
    expect(normalTwoSided(1.959963984540054)).toBeCloseTo(0.05, 14);
    expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity]);
  });
  test("Student's t", () => {
    for (const { t, df, cdf, two_sided } of fixture.student_t) {
      close(studentTwoSided(t, df), two_sided, 1e-9);
      close(studentCdf(t, df), cdf, 1e-9);
    }
  });
  test('quantiles as numpy', () => {
    allClose(
      fixture.quantile.p.map((p: number) => quantile(fixture.quantile.values, p)),
      fixture.quantile.q,
      1e-14,
    );
  });
});

test('AUC with ties equals scikit-learn, its p-value the Mann-Whitney test', () => {
  const result = auc(fixture.auc.scores, fixture.auc.labels);
  close(result.auc, fixture.auc.auc);
  close(result.p_value, fixture.auc.p, 1e-8);
  expect(auc([1, 2], [1, 1]).auc).toBeNaN();
});

test('Wilson intervals equal statsmodels', () => {
  for (const { successes, trials, level, ci } of fixture.wilson) {
    const estimate = proportion(successes, trials, 'word', level);
    expect(estimate.ci_low).toBeCloseTo(ci[0], 12);
    expect(estimate.ci_high).toBeCloseTo(ci[1], 12);
    expect(estimate).toMatchObject({ value: successes / trials, n: trials, n_unit: 'word', level });
  }
  expect(() => proportion(3, 0, 'word')).toThrow(/3 of 0/);
});

test('Clopper-Pearson intervals equal scipy', () => {
  for (const { successes, trials, level, ci } of fixture.clopper_pearson) {
    const estimate = exactProportion(successes, trials, 'seed', level);
    expect(estimate.ci_low).toBeCloseTo(ci[0], 12);
    expect(estimate.ci_high).toBeCloseTo(ci[1], 12);
    expect(estimate).toMatchObject({ value: successes / trials, n: trials, n_unit: 'seed', level });
  }
  expect(() => exactProportion(2, 1, 'seed')).toThrow(/2 of 1/);
});

test("Cohen's kappa equals scikit-learn", () => {
  const { a, b, kappa, linear, quadratic } = fixture.kappa;
  close(cohenKappa(a, b), kappa);
  close(cohenKappa(a, b, 'linear'), linear);
  close(cohenKappa(a, b, 'quadratic'), quadratic);
  expect(cohenKappa(['yes', 'yes'], ['yes', 'yes'])).toBeNaN();
});

test('adjusted p-values equal statsmodels', () => {
  allClose(holm(fixture.adjust.p), fixture.adjust.holm);
  allClose(benjaminiHochberg(fixture.adjust.p), fixture.adjust.benjamini_hochberg);
  expect(holm([])).toEqual([]);
});

test('R squared is 1 for the truth, 0 for the mean, below 0 for worse', () => {
  expect(rSquared([1, 2, 3], [1, 2, 3])).toBe(1);
  expect(rSquared([1, 2, 3], [2, 2, 2])).toBe(0);
  expect(rSquared([1, 2, 3], [3, 2, 1])).toBe(-3);
});

test('permutation p-values are uniform without an effect and small with one', () => {
  let rejected = 0;
  const studies = 400;
  for (let s = 0; s < studies; s++) {
    const draws = stream(s, 'data');
    const x = Float64Array.from({ length: 15 }, () => draws.normal());
    const y = Float64Array.from({ length: 15 }, () => draws.normal());
    const statistic = (order: Int32Array) => {
      let sum = 0;
      for (let i = 0; i < order.length; i++) sum += (x[i] as number) * (y[order[i] as number] as number);
      return sum;
    };
    if (permutationTest(15, statistic, { stream: stream(s, 'p'), permutations: 199 }).p_value <= 0.05)
      rejected++;
  }
  expect(rejected / studies).toBeGreaterThan(0.02);
  expect(rejected / studies).toBeLessThan(0.085);

  const line = Float64Array.from({ length: 12 }, (_, i) => i);
  const rising = permutationTest(
    12,
    (order) =>
      kendall(
        line,
        Float64Array.from(order, (i) => line[i] as number),
      ).tau,
    { stream: stream(0, 'p'), permutations: 499, alternative: 'greater' },
  );
  expect(rising).toEqual({ value: 1, p_value: 1 / 500 });
});
