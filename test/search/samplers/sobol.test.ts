import { describe, expect, test } from 'vitest';
import { scrambledPoint, sobol, sobolBits } from '../../../search/samplers/sobol.ts';
import type { Space, Trial } from '../../../search/types.ts';
import { fixture, MIXED, trialOf } from '../fixture.ts';

describe('the Sobol sequence', () => {
  test('equals scipy in 128 dimensions', () => {
    const { points, dimensions, bits } = fixture.sobol;
    for (const [i, n] of points.entries())
      expect(dimensions.map((d) => sobolBits(n, d) >>> 2)).toEqual(bits[i]);
  });

  test('scrambled, 256 points lie one in each of 256 equal intervals, and in each box of 16 by 16', () => {
    const seeds = [12345, 987654321, 5];
    const points = Array.from({ length: 256 }, (_, n) => scrambledPoint(n, seeds));
    for (let d = 0; d < 3; d++)
      expect(new Set(points.map((point) => Math.floor((point[d] as number) * 256))).size).toBe(256);
    const boxes = points.map(
      ([x, y]) => Math.floor((x as number) * 16) * 16 + Math.floor((y as number) * 16),
    );
    expect(new Set(boxes).size).toBe(256);
  });

  test('scramblings differ with the seed, and not all by one shift', () => {
    const at = (seed: number) => Array.from({ length: 64 }, (_, n) => scrambledPoint(n, [seed])[0] as number);
    const [a, b] = [at(1), at(2)];
    const shifts = new Set(a.map((x, i) => ((x * 2 ** 32) ^ ((b[i] as number) * 2 ** 32)) >>> 0));
    expect(shifts.size).toBeGreaterThan(60);
  });
});

test('proposes the point of the trial number, over dimensions of every type', () => {
  const history: Trial[] = [];
  for (let n = 0; n < 32; n++) history.push(trialOf(n, sobol().propose(MIXED, ['minimise'], history, 3), 0));
  const count = (name: string, value: unknown) =>
    history.filter(({ values }) => values[name] === value).length;
  for (const depth of [2, 5, 8, 11]) expect(count('depth', depth)).toBe(8);
  for (const variant of ['a', 'b', 'c']) expect([10, 11]).toContain(count('variant', variant));
  const small = history.filter(({ values }) => (values['rate'] as number) < 1e-3).length;
  expect(small).toBe(16);
});

test('says how many dimensions it has', () => {
  const space: Space = Array.from({ length: 129 }, (_, i) => ({
    name: `x${i}`,
    type: 'real',
    low: 0,
    high: 1,
    log: false,
  }));
  expect(() => sobol().propose(space, ['minimise'], [], 0)).toThrow('at most 128 dimensions');
});
