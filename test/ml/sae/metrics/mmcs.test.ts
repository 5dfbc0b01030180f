import { expect, test } from 'vitest';
import { tensorflow } from '../../../../ml/engine/engine.ts';
import { stream } from '../../../../ml/random/stream.ts';
import { bestAssignment } from '../../../../ml/sae/metrics/assignment.ts';
import { assignedCosineMatching, maxCosineMatching } from '../../../../ml/sae/metrics/mmcs.ts';
import { type Matrix, section } from '../fixture.ts';
import { saeBench } from './sae-bench.ts';

const tf = tensorflow();

test('both means and the assignment are those of SciPy', () => {
  const { A, B, ...wanted } = section<{
    A: Matrix;
    B: Matrix;
    mmcs_max: number;
    mmcs_hungarian: number;
    assignment: number[];
  }>('mmcs');
  const [a, b] = [tf.tensor2d(A), tf.tensor2d(B)];
  expect(maxCosineMatching(a, b).mean).toBeCloseTo(wanted.mmcs_max, 6);
  const assigned = assignedCosineMatching(a, b);
  expect(assigned.mean).toBeCloseTo(wanted.mmcs_hungarian, 6);
  expect([...assigned.matches]).toEqual(wanted.assignment);
});

test('a dictionary matches a scaled, reordered copy of itself perfectly', () => {
  const rows = tf.tensor2d(stream(1, 'test.rows').normals(20 * 8), [20, 8]);
  const order = stream(2, 'test.order').permutation(20);
  const copy = tf.gather(rows, tf.tensor1d(order, 'int32')).mul(3);
  for (const match of [maxCosineMatching, assignedCosineMatching]) {
    const { mean, matches } = match(rows, copy as typeof rows);
    expect(mean).toBeCloseTo(1, 5);
    expect([...matches].map((column) => order[column])).toEqual(Array.from({ length: 20 }, (_, i) => i));
  }
});

test('the assignment is the best of all permutations', () => {
  const draw = stream(7, 'test.assignment');
  for (let trial = 0; trial < 60; trial++) {
    const R = 1 + draw.integer(5);
    const C = R + draw.integer(3);
    // Few distinct values: ties are where such algorithms go wrong.
    const scores = Float64Array.from({ length: R * C }, () => (trial % 2 ? draw.integer(3) : draw.normal()));
    const columns = bestAssignment(scores, R, C);
    expect(new Set(columns).size).toBe(R);
    const total = columns.reduce((sum, column, row) => sum + scores[row * C + column]!, 0);
    expect(total).toBeCloseTo(bestByTrial(scores, R, C), 9);
  }
});

test('at the size of real dictionaries its total is SciPy’s', () => {
  for (const { rows: R, columns: C, total } of saeBench<{ rows: number; columns: number; total: number }[]>(
    'assignment',
  )) {
    const scores = new Float64Array(R * C);
    for (let i = 0; i < R; i++)
      for (let j = 0; j < C; j++)
        scores[i * C + j] = ((i * 7919 + j * 104729 + ((i * j) % 9973) * 31) % 10007) / 10007;
    const columns = bestAssignment(scores, R, C);
    expect(new Set(columns).size).toBe(R);
    expect(columns.reduce((sum, column, row) => sum + scores[row * C + column]!, 0)).toBeCloseTo(total, 6);
  }
});

function bestByTrial(scores: Float64Array, R: number, C: number, row = 0, used = new Set<number>()): number {
  if (row === R) return 0;
  let best = Number.NEGATIVE_INFINITY;
  for (let column = 0; column < C; column++) {
    if (used.has(column)) continue;
    const rest = bestByTrial(scores, R, C, row + 1, new Set(used).add(column));
    best = Math.max(best, scores[row * C + column]! + rest);
  }
  return best;
}

test('more rows than columns, and scores that are no numbers, are refused', () => {
  expect(() => bestAssignment([1, 2, 3], 3, 1)).toThrow(/distinct/);
  expect(() => bestAssignment([Number.NaN], 1, 1)).toThrow(/finite/);
});
