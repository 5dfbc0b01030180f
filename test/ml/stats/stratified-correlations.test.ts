import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { auc } from '../../../ml/stats/auc.ts';
import { pearson } from '../../../ml/stats/pearson.ts';
import { spearman } from '../../../ml/stats/spearman.ts';
import { StratifiedCorrelations } from '../../../ml/stats/stratified-correlations.ts';

const draws = stream(4, 'correlations');
const x = Array.from({ length: 90 }, () => Math.round(10 * draws.normal()) / 5 || 0.1);
const y = x.map((v) => Math.round(4 * (v + draws.normal())) / 4);
const one = x.map(() => 0);

test('with one stratum they are the plain ones, for all rows and for rows that repeat', () => {
  const within = new StratifiedCorrelations(x, y, one);
  const repeated = Int32Array.from({ length: 90 }, () => draws.integer(90));
  for (const rows of [Int32Array.from(x.keys()), repeated]) {
    const [a, b] = [x, y].map((values) => Array.from(rows, (row) => values[row] as number)) as [
      number[],
      number[],
    ];
    const measured = within.measure(rows);
    expect(measured.pearson).toBeCloseTo(pearson(a, b).r, 12);
    expect(measured.spearman).toBeCloseTo(spearman(a, b).r, 12);
    expect(measured.auc).toBeCloseTo(
      auc(
        b,
        a.map((v) => Number(v > 0)),
      ).auc,
      12,
    );
  }
});

test('offsets between strata change nothing', () => {
  const strata = x.map((_, i) => i % 3);
  const shifted = y.map((v, i) => v + 100 * (i % 3));
  const plain = new StratifiedCorrelations(x, y, strata).measure();
  const other = new StratifiedCorrelations(x, shifted, strata).measure();
  expect(other.spearman).toBe(plain.spearman);
  expect(other.auc).toBe(plain.auc);
  expect(other.pearson).toBeCloseTo(plain.pearson, 10);
  expect(plain.pearson).toBeGreaterThan(0.5);
});

test('the same prediction for all words has no correlation', () => {
  const { pearson: r, spearman: rho, auc: area } = new StratifiedCorrelations(x, one, one).measure();
  expect([r, rho, area]).toEqual([Number.NaN, Number.NaN, 0.5]);
});
