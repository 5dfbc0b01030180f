import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Matrix } from '../../../ml/probes/algebra/matrix.ts';
import { fitLogistic } from '../../../ml/probes/logistic.ts';
import { fitLogisticBatch } from '../../../ml/probes/logistic-batch.ts';
import { stream } from '../../../ml/random/stream.ts';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8'));
const fixture = read('logistic-refits.json') as {
  refits: { C: number; counts: number[]; coef: number[]; intercept: number }[];
  large: { rows: number; columns: number; C: number; coef: number[]; intercept: number };
};
const tall = read('probes.json').cases.find(({ name }: { name: string }) => name === 'tall') as {
  X: number[][];
  labels: number[];
};
const X: Matrix = {
  rows: tall.X.length,
  columns: (tall.X[0] as number[]).length,
  data: Float64Array.from(tall.X.flat()),
};

const largestDifference = (ours: ArrayLike<number>, theirs: ArrayLike<number>) =>
  Math.max(...Array.from(theirs, (v, i) => Math.abs(v - (ours[i] as number))));

describe('many fits of the same rows', () => {
  test('rows that count several times equal sample weights of scikit-learn', () => {
    const fits = fitLogisticBatch(
      X,
      fixture.refits.map(({ C, counts }) => ({ labels: tall.labels, C, counts })),
    );
    fixture.refits.forEach(({ coef, intercept }, i) => {
      expect(largestDifference(fits[i]?.coefficients ?? [], coef)).toBeLessThan(1e-6);
      expect(fits[i]?.intercept).toBeCloseTo(intercept, 6);
    });
  });

  test('each fit of a batch is the fit alone, whatever its labels and however columns differ in size', () => {
    const draws = stream(1, 'batch');
    const sizes = Array.from({ length: 12 }, (_, j) => 10 ** (j / 2 - 3));
    const rows = 90;
    const wide: Matrix = {
      rows,
      columns: sizes.length,
      data: Float64Array.from(
        { length: rows * sizes.length },
        (_, at) => draws.normal() * (sizes[at % sizes.length] as number),
      ),
    };
    const problems = Array.from({ length: 30 }, (_, i) => ({
      labels: Array.from({ length: rows }, () => Number(draws.uniform() < 0.4)),
      C: 10 ** ((i % 5) - 2),
    }));
    fitLogisticBatch(wide, problems).forEach((fit, i) => {
      const { labels, C } = problems[i] as (typeof problems)[number];
      const alone = fitLogistic(wide, labels, { C });
      expect(
        largestDifference(
          fit.coefficients.map((w, j) => w * (sizes[j] as number)),
          alone.coefficients.map((w, j) => w * (sizes[j] as number)),
        ),
      ).toBeLessThan(1e-6);
      expect(fit.intercept).toBeCloseTo(alone.intercept, 6);
    });
  });

  test('labels that are all equal are one clear error', () => {
    const problems = Array.from({ length: 5 }, () => ({ labels: tall.labels.map(() => 1) }));
    expect(() => fitLogisticBatch(X, problems)).toThrow('all labels are equal');
  });
});

test('a large dense fit, its directions in single precision, reaches the coefficients of scikit-learn', () => {
  const { rows, columns, C, coef, intercept } = fixture.large;
  const data = new Float64Array(rows * columns);
  const labels = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 2 * Math.sin(2.7 * i);
    for (let j = 0; j < columns; j++) {
      const x = Math.sin(1 + 0.37 * i + 1.93 * j + 0.011 * i * j);
      data[i * columns + j] = x;
      if (j < 20) sum += x;
    }
    labels[i] = Number(sum > 0);
  }
  const fit = fitLogistic({ rows, columns, data }, labels, { C });
  expect(largestDifference(fit.coefficients, coef)).toBeLessThan(1e-6);
  expect(fit.intercept).toBeCloseTo(intercept, 6);
});
