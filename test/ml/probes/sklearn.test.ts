import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Matrix } from '../../../ml/probes/algebra/matrix.ts';
import { elasticNetPath, largestAlpha } from '../../../ml/probes/elastic-net.ts';
import { type LinearProbe, predict } from '../../../ml/probes/linear-probe.ts';
import { fitLogistic, logisticObjective } from '../../../ml/probes/logistic.ts';
import { logisticL1Objective, logisticL1Path, smallestC } from '../../../ml/probes/logistic-l1.ts';
import { fitPlatt } from '../../../ml/probes/platt.ts';
import { PrincipalScores } from '../../../ml/probes/principal-scores.ts';
import { fitRidge, ridgeSolver } from '../../../ml/probes/ridge.ts';
import { RidgePath } from '../../../ml/probes/ridge-path.ts';
import { bagOfWords, textLengths, tfIdf } from '../../../ml/probes/text-features.ts';
import { rSquared } from '../../../ml/stats/r-squared.ts';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8'));

const largestDifference = (ours: ArrayLike<number>, theirs: readonly number[]) =>
  Math.max(...theirs.map((v, i) => Math.abs(v - (ours[i] as number))));

describe('the shared fixture of 60 rows and 5 features', () => {
  const fixture = read('reference-maths.json').probes_sklearn;
  const X: Matrix = { rows: 60, columns: 5, data: Float64Array.from(fixture.X.flat()) };

  test.each(['0.1', '1.0'])('ridge with alpha %s equals scikit-learn', (alpha) => {
    const expected = fixture.ridge[alpha];
    const probe = fitRidge(X, fixture.y_reg, Number(alpha));
    expect(largestDifference(probe.coefficients, expected.coef)).toBeLessThan(1e-10);
    expect(probe.intercept).toBeCloseTo(expected.intercept, 10);
    expect(rSquared(fixture.y_reg, predict(probe, X))).toBeCloseTo(expected.r2, 10);
  });

  test.each(['0.1', '1.0', '10.0'])('logistic with C %s equals scikit-learn', (C) => {
    const expected = fixture.logistic[`l2_C=${C}`];
    const probe = fitLogistic(X, fixture.y, { C: Number(C) });
    expect(largestDifference(probe.coefficients, expected.coef)).toBeLessThan(1e-6);
    expect(probe.intercept).toBeCloseTo(expected.intercept, 6);
    const right = predict(probe, X).filter((v, i) => v > 0 === (fixture.y[i] === 1)).length;
    expect(right / 60).toBe(expected.acc);
    const unpenalised = logisticObjective(probe, X, fixture.y, 1) - squaredNorm(probe) / 2;
    expect(unpenalised / 60).toBeCloseTo(expected.nll, 6);
  });
});

const squaredNorm = (probe: LinearProbe) => probe.coefficients.reduce((sum, w) => sum + w * w, 0);

interface Case {
  name: string;
  X: number[][];
  y: number[];
  labels: number[];
  groups: number[];
  ridge: { alpha: number; coef: number[]; intercept: number }[];
  logistic: { C: number; coef: number[]; intercept: number }[];
  left_out: { alpha: number; error: number }[];
}

describe.each((read('probes.json').cases as Case[]).map((c) => [c.name, c] as const))('%s data', (_, c) => {
  const X: Matrix = {
    rows: c.X.length,
    columns: (c.X[0] as number[]).length,
    data: Float64Array.from(c.X.flat()),
  };

  test('ridge equals scikit-learn, whichever side is shorter', () => {
    for (const { alpha, coef, intercept } of c.ridge) {
      const probe = fitRidge(X, c.y, alpha);
      expect(largestDifference(probe.coefficients, coef)).toBeLessThan(1e-8);
      expect(probe.intercept).toBeCloseTo(intercept, 7);
    }
  });

  test('one factorisation serves several targets', () => {
    const solve = ridgeSolver(X, 1);
    const negative = c.y.map((v) => -v);
    expect(
      largestDifference(
        solve(negative).coefficients,
        [...solve(c.y).coefficients].map((w) => -w),
      ),
    ).toBeLessThan(1e-12);
  });

  test('logistic reaches the optimum of scikit-learn', () => {
    for (const { C, coef, intercept } of c.logistic) {
      const probe = fitLogistic(X, c.labels, { C });
      expect(largestDifference(probe.coefficients, coef)).toBeLessThan(1e-5);
      expect(probe.intercept).toBeCloseTo(intercept, 4);
      const theirs = { coefficients: Float64Array.from(coef), intercept };
      expect(logisticObjective(probe, X, c.labels, C)).toBeLessThanOrEqual(
        logisticObjective(theirs, X, c.labels, C) * (1 + 1e-12),
      );
    }
  });

  test('the ridge path chooses as refitting without each group does', () => {
    const best = c.left_out.reduce((a, b) => (b.error < a.error ? b : a));
    const chosen = new RidgePath(new PrincipalScores(X), c.groups).fit(c.y);
    expect(chosen.alpha / best.alpha).toBeCloseTo(1, 8);
    expect(chosen.error / best.error).toBeCloseTo(1, 8);
    const direct = fitRidge(X, c.y, chosen.alpha);
    expect(largestDifference(chosen.probe.coefficients, [...direct.coefficients])).toBeLessThan(1e-8);
    expect(chosen.probe.intercept).toBeCloseTo(direct.intercept, 8);
  });
});

test('bad input is one clear error', () => {
  const X: Matrix = { rows: 2, columns: 1, data: Float64Array.of(1, 2) };
  expect(() => fitRidge(X, [1], 1)).toThrow('1 targets for 2 rows');
  expect(() => fitRidge(X, [1, 2], 0)).toThrow('alpha 0 is not positive');
  expect(() => fitLogistic(X, [1, 1])).toThrow('all labels are equal');
  expect(() => predict({ coefficients: Float64Array.of(1, 2), intercept: 0 }, X)).toThrow(
    '1 features for a probe of 2',
  );
});

interface MethodCase {
  name: string;
  elastic_net: { alpha: number; l1_ratio: number; coef: number[]; intercept: number }[];
  logistic_l1: { C: number; coef: number[]; intercept: number }[];
}

const methods = read('probe-methods.json') as {
  cases: MethodCase[];
  sigmoid: { scores: number[]; labels: number[]; slope: number; intercept: number };
  texts: { texts: string[]; words: string[]; counts: number[][]; tf_idf: number[][] };
};

describe.each(methods.cases.map((c) => [c.name, c] as const))(
  '%s data with an L1 penalty',
  (name, expected) => {
    const c = (read('probes.json').cases as Case[]).find((other) => other.name === name) as Case;
    const X: Matrix = {
      rows: c.X.length,
      columns: (c.X[0] as number[]).length,
      data: Float64Array.from(c.X.flat()),
    };

    test('lasso and elastic net equal scikit-learn', () => {
      for (const { alpha, l1_ratio, coef, intercept } of expected.elastic_net) {
        const [probe] = elasticNetPath(X, c.y, [alpha], { l1Ratio: l1_ratio });
        expect(largestDifference((probe as LinearProbe).coefficients, coef)).toBeLessThan(1e-5);
        expect(probe?.intercept).toBeCloseTo(intercept, 5);
        expect(coef.filter((w) => w !== 0).length).toBe(probe?.coefficients.filter((w) => w !== 0).length);
      }
    });

    test('a path ends where a fit of its own does, and begins with nothing', () => {
      const largest = largestAlpha(X, c.y, 0.5);
      const path = elasticNetPath(X, c.y, [largest * 1.0001, 0.3, 0.02], { l1Ratio: 0.5 });
      const [alone] = elasticNetPath(X, c.y, [0.02], { l1Ratio: 0.5 });
      expect(path[0]?.coefficients.every((w) => w === 0)).toBe(true);
      expect(
        largestDifference((path[2] as LinearProbe).coefficients, [...(alone as LinearProbe).coefficients]),
      ).toBeLessThan(1e-6);
      const [one] = elasticNetPath(X, c.y, [largest * 0.98], { l1Ratio: 0.5 });
      expect(one?.coefficients.some((w) => w !== 0)).toBe(true);
    });

    test('L1 logistic reaches the optimum of scikit-learn', () => {
      for (const { C, coef, intercept } of expected.logistic_l1) {
        const [probe] = logisticL1Path(X, c.labels, [C]) as [LinearProbe];
        expect(largestDifference(probe.coefficients, coef)).toBeLessThan(1e-4);
        expect(Math.abs(probe.intercept - intercept)).toBeLessThan(1e-4);
        const theirs = { coefficients: Float64Array.from(coef), intercept };
        expect(logisticL1Objective(probe, X, c.labels, C)).toBeLessThanOrEqual(
          logisticL1Objective(theirs, X, c.labels, C) * (1 + 1e-10),
        );
      }
      const [nothing] = logisticL1Path(X, c.labels, [smallestC(X, c.labels) * 0.999]) as [LinearProbe];
      expect(nothing.coefficients.every((w) => w === 0)).toBe(true);
    });
  },
);

test('the sigmoid calibration equals scikit-learn', () => {
  const { scores, labels, slope, intercept } = methods.sigmoid;
  const ours = fitPlatt(scores, labels);
  expect(ours.slope).toBeCloseTo(slope, 4);
  expect(ours.intercept).toBeCloseTo(intercept, 4);
});

test('bags of words and TF-IDF equal scikit-learn', () => {
  const { texts, words, counts, tf_idf } = methods.texts;
  const bag = bagOfWords(texts);
  expect(bag.words).toEqual(words);
  expect([...bag.counts.data]).toEqual(counts.flat());
  expect(largestDifference(tfIdf(texts).data, tf_idf.flat())).toBeLessThan(1e-12);
  expect(bagOfWords(texts, { most: 2 }).words).toEqual(['film', 'good']);
  expect([...textLengths(['one two', '']).data]).toEqual([7, 2, 0, 0]);
});
