import { expect, test } from 'vitest';
import { fitSparseProbe, meanDifferences, ranked, scoreOf } from '../../../../ml/sae/probing/sparse-probe.ts';
import { flat, type Matrix } from '../fixture.ts';
import { saeBench } from '../metrics/sae-bench.ts';

interface Section {
  X: Matrix;
  labels: number[];
  train: number;
  k: { k: number; chosen: number[]; coef: number[]; intercept: number; accuracy: number }[];
}

const { X, labels, train, k: cases } = saeBench<Section>('sparse_probing');
const matrix = { rows: X.length, columns: X[0]!.length, data: flat(X) };
const data = { X: matrix, labels, rows: Int32Array.from({ length: train }, (_, i) => i) };

test.each(cases)(
  'k $k: columns, probe and accuracy are SAEBench’s',
  ({ k, chosen, coef, intercept, accuracy }) => {
    const columns = ranked(meanDifferences(data).map(Math.abs)).slice(0, k);
    expect([...columns].sort((a, b) => a - b)).toEqual(chosen);
    const probe = fitSparseProbe(data, Int32Array.from(chosen));
    chosen.forEach((column, j) => {
      const values = Array.from({ length: train }, (_, i) => X[i]![column]!);
      const mean = values.reduce((sum, value) => sum + value / train, 0);
      const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2 / train, 0));
      // scikit-learn's solver, as SAEBench calls it, stops at a gradient of 1e-4: 0.1 % from the minimum.
      expect(probe.coefficients[j]! * spread).toBeCloseTo(coef[j]!, 2);
    });
    expect(probe.intercept).toBeCloseTo(intercept, 2);
    const held = Array.from({ length: X.length - train }, (_, i) => train + i);
    const right = held.filter((row) => scoreOf(probe, matrix, row) > 0 === (labels[row] === 1));
    expect(right.length / held.length).toBeCloseTo(accuracy, 9);
  },
);

test('units of a column change nothing, and a column that never changes says nothing', () => {
  const scaled = {
    ...matrix,
    data: matrix.data.map((value, i) => (i % matrix.columns === 3 ? 100 * value : value)),
  };
  const columns = Int32Array.of(3, 8);
  const one = fitSparseProbe(data, columns);
  const other = fitSparseProbe({ ...data, X: scaled }, columns);
  for (let row = train; row < X.length; row++)
    expect(scoreOf(other, scaled, row)).toBeCloseTo(scoreOf(one, matrix, row), 5);
  const constant = { ...matrix, data: new Float32Array(matrix.data.length).fill(2) };
  const none = fitSparseProbe({ ...data, X: constant }, Int32Array.of(0));
  expect(scoreOf(none, constant, 0)).toBe(scoreOf(none, constant, 1));
});
