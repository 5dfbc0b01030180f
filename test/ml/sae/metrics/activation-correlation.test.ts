import { expect, test } from 'vitest';
import { stream } from '../../../../ml/random/stream.ts';
import { PairCorrelations } from '../../../../ml/sae/metrics/activation-correlation.ts';
import { pearson } from '../../../../ml/stats/pearson.ts';

const N = 200;
const draw = stream(9, 'test.correlation');
const sparse = (F: number) =>
  Float32Array.from({ length: N * F }, () => (draw.uniform() < 0.3 ? 2 * draw.uniform() : 0));
const column = (features: Float32Array, F: number, f: number) =>
  Float64Array.from({ length: N }, (_, n) => features[n * F + f]!);

test('part by part it is Pearson’s correlation of the two columns', () => {
  const [a, b] = [sparse(4), sparse(3)];
  for (let n = 0; n < N; n++) b[n * 3 + 1] = a[n * 4 + 2]! * 3 + (n % 5 === 0 ? 1 : 0);
  const pairs = new PairCorrelations(Int32Array.of(0, 2, 3), Int32Array.of(0, 1, 2));
  for (const [from, to] of [
    [0, 70],
    [70, N],
  ] as const)
    pairs.add(a.subarray(from * 4, to * 4), 4, b.subarray(from * 3, to * 3), 3);
  const found = pairs.correlations();
  [
    [0, 0],
    [2, 1],
    [3, 2],
  ].forEach(([x, y], p) => {
    expect(found[p]).toBeCloseTo(pearson(column(a, 4, x!), column(b, 3, y!)).r, 9);
  });
  expect(found[1]).toBeGreaterThan(0.8);
});

test('a feature with itself gives 1, with one that never fires no number', () => {
  const a = sparse(2);
  for (let n = 0; n < N; n++) a[n * 2 + 1] = 0;
  const pairs = new PairCorrelations(Int32Array.of(0, 0, 1), Int32Array.of(0, 1, 1));
  pairs.add(a, 2, a, 2);
  const found = pairs.correlations();
  expect(found[0]).toBeCloseTo(1, 12);
  expect([found[1], found[2]]).toEqual([Number.NaN, Number.NaN]);
});
