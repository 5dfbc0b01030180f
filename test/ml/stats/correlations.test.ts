import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { KendallPairs, kendall } from '../../../ml/stats/kendall.ts';
import { fisherInterval, pearson } from '../../../ml/stats/pearson.ts';
import { spearman } from '../../../ml/stats/spearman.ts';

interface Case {
  name: string;
  x: number[];
  y: number[];
  tau: number;
  tau_p: number;
  rho: number;
  rho_p: number;
  r: number;
  r_p: number;
  r_ci: [number, number];
}
const { correlations } = JSON.parse(
  readFileSync(new URL('../../fixtures/stats.json', import.meta.url), 'utf8'),
) as { correlations: Case[] };

const close = (ours: number, theirs: number, relative = 1e-9) =>
  expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(relative * Math.abs(theirs) + 1e-13);

describe.each(correlations)('$name', (c) => {
  test('Kendall tau-b and its p-value equal scipy', () => {
    const result = kendall(c.x, c.y);
    close(result.tau, c.tau);
    close(result.p_value, c.tau_p);
  });
  test('Spearman and Pearson with their p-values equal scipy', () => {
    const rank = spearman(c.x, c.y);
    close(rank.r, c.rho);
    close(rank.p_value, c.rho_p);
    const linear = pearson(c.x, c.y);
    close(linear.r, c.r);
    close(linear.p_value, c.r_p);
    if (c.x.length > 3 && Math.abs(c.r) < 1) {
      const [low, high] = fisherInterval(linear.r, linear.n);
      close(low, c.r_ci[0]);
      close(high, c.r_ci[1]);
    }
  });
});

test('tau of drawn rows equals tau of the copied values', () => {
  const draws = stream(0, 'rows');
  const x = Float64Array.from({ length: 70 }, () => Math.round(draws.normal() * 4));
  const y = x.map((v) => v + Math.round(3 * draws.normal()));
  const pairs = new KendallPairs(x, y);
  for (let b = 0; b < 20; b++) {
    const rows = Int32Array.from({ length: b < 10 ? 70 : 110 }, () => draws.integer(70));
    const copied = kendall(
      Float64Array.from(rows, (r) => x[r] as number),
      Float64Array.from(rows, (r) => y[r] as number),
    );
    expect(pairs.tau(rows)).toBeCloseTo(copied.tau, 12);
  }
});

test('tau is counted as by its definition', () => {
  const draws = stream(1, 'definition');
  for (let round = 0; round < 30; round++) {
    const n = 2 + draws.integer(25);
    const x = Float64Array.from({ length: n }, () => draws.integer(6));
    const y = Float64Array.from({ length: n }, () => draws.integer(6));
    const expected = { total: 0, score: 0, tiedX: 0, tiedY: 0, discordant: 0 };
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        const dx = Math.sign((x[i] as number) - (x[j] as number));
        const dy = Math.sign((y[i] as number) - (y[j] as number));
        expected.total++;
        expected.score += dx * dy;
        if (dx * dy < 0) expected.discordant++;
        if (dx === 0) expected.tiedX++;
        if (dy === 0) expected.tiedY++;
      }
    }
    const pairs = new KendallPairs(x, y);
    expect(pairs.count(pairs.all)).toEqual(expected);
  }
});

test('correlations with a constant are undefined, and NaN cannot be ranked', () => {
  expect(kendall([1, 1, 1], [1, 2, 3]).tau).toBeNaN();
  expect(pearson([1, 1, 1], [1, 2, 3]).r).toBeNaN();
  expect(spearman([1, 1, 1], [1, 2, 3]).r).toBeNaN();
  expect(() => kendall([1, Number.NaN], [1, 2])).toThrow(/not a number/);
  expect(() => kendall([1], [1, 2])).toThrow(/1 values against 2/);
});
