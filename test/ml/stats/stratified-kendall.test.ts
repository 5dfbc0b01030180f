import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { kendall } from '../../../ml/stats/kendall.ts';
import { StratifiedKendall } from '../../../ml/stats/stratified-kendall.ts';

const normals = (n: number, name: string) => {
  const draws = stream(0, name);
  return Float64Array.from({ length: n }, () => draws.normal());
};

test.each([12, 60])('with one stratum of %i it is Kendall tau-b, with its p-value', (n) => {
  const x = normals(n, 'x').map((v) => Math.round(3 * v));
  const y = normals(n, 'y').map((v, i) => v + 0.2 * (x[i] as number));
  const result = new StratifiedKendall(x, y, new Int32Array(n)).result();
  expect(result).toMatchObject({ tau: kendall(x, y).tau, p_value: kendall(x, y).p_value, n });
});

test('pairs of different strata do not count', () => {
  // Order within each stratum is perfect; between them it is reversed.
  const x = [1, 2, 3, 4, 5, 6];
  const y = [11, 12, 13, 1, 2, 3];
  expect(kendall(x, y).tau).toBeLessThan(0);
  const stratified = new StratifiedKendall(x, y, [0, 0, 0, 1, 1, 1]);
  expect(stratified.tau()).toBe(1);
  expect(stratified.count(Int32Array.of(0, 1, 4)).total).toBe(1);
});

test('rows may be drawn more often than there are', () => {
  const x = normals(20, 'x');
  const y = normals(20, 'y');
  const strata = Array.from({ length: 20 }, (_, i) => i % 3);
  const draws = stream(0, 'rows');
  const rows = Int32Array.from({ length: 90 }, () => draws.integer(20));
  const copied = new StratifiedKendall(
    Float64Array.from(rows, (row) => x[row] as number),
    Float64Array.from(rows, (row) => y[row] as number),
    Float64Array.from(rows, (row) => strata[row] as number),
  );
  expect(new StratifiedKendall(x, y, strata).tau(rows)).toBeCloseTo(copied.tau(), 12);
});

test('p-values of independent values hold their level, also with ties and unequal strata', () => {
  let rejected = 0;
  for (let study = 0; study < 600; study++) {
    const x = normals(45, `x${study}`).map((v) => Math.round(2 * v));
    const y = normals(45, `y${study}`);
    const strata = Array.from({ length: 45 }, (_, i) => (i < 25 ? 0 : i < 40 ? 1 : 2));
    if (new StratifiedKendall(x, y, strata).result().p_value < 0.05) rejected++;
  }
  expect(rejected / 600).toBeGreaterThan(0.025);
  expect(rejected / 600).toBeLessThan(0.075);
});

test('it is undefined when no stratum has two different values', () => {
  expect(new StratifiedKendall([1, 2], [1, 2], [0, 1]).result().tau).toBeNaN();
});
