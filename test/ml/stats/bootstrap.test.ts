import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import {
  bcaInterval,
  bootstrap,
  bootstrapMany,
  bootstrapMean,
  bootstrapPairedDifference,
  meanOf,
  percentileInterval,
} from '../../../ml/stats/bootstrap.ts';

const fixture = JSON.parse(readFileSync(new URL('../../fixtures/stats.json', import.meta.url), 'utf8'))
  .bootstrap as {
  sample: number[];
  replicates: number[];
  bca: [number, number];
  percentile: [number, number];
};

const normals = (n: number, name: string, mean = 0) => {
  const draws = stream(1, name);
  return Float64Array.from({ length: n }, () => mean + draws.normal());
};

test('intervals equal those of scipy for the same replicates', () => {
  const { sample, replicates } = fixture;
  const total = sample.reduce((sum, v) => sum + v, 0);
  const mean = total / sample.length;
  const leftOut = sample.map((v) => (total - v) / (sample.length - 1));
  const bca = bcaInterval(replicates, mean, leftOut, 0.95);
  expect(bca[0]).toBeCloseTo(fixture.bca[0], 10);
  expect(bca[1]).toBeCloseTo(fixture.bca[1], 10);
  const percentile = percentileInterval(replicates, 0.95);
  expect(percentile[0]).toBeCloseTo(fixture.percentile[0], 10);
  expect(percentile[1]).toBeCloseTo(fixture.percentile[1], 10);
});

test('own replicates give about the interval of scipy', () => {
  const estimate = bootstrapMean(fixture.sample, {
    stream: stream(0, 'b'),
    unit: 'row',
    replicates: 4000,
  });
  expect(estimate.ci_low).toBeCloseTo(fixture.bca[0], 1);
  expect(estimate.ci_high).toBeCloseTo(fixture.bca[1], 1);
  expect(estimate).toMatchObject({ n: 40, n_unit: 'row', level: 0.95 });
});

test('equal streams give equal bytes, other streams other intervals', () => {
  const values = normals(50, 'values');
  const run = (seed: number) =>
    bootstrapMean(values, {
      stream: stream(seed, 'b'),
      unit: 'row',
      replicates: 200,
    });
  expect(run(3)).toEqual(run(3));
  expect(run(3).ci_low).not.toBe(run(4).ci_low);
});

test.each(['bca', 'percentile'] as const)(
  'the 90 percent %s interval of a mean covers the truth about as often as it says',
  (method) => {
    let covered = 0;
    const studies = 800;
    for (let s = 0; s < studies; s++) {
      const { ci_low = 1, ci_high = -1 } = bootstrapMean(normals(40, `study ${s}`), {
        stream: stream(s, 'b'),
        unit: 'row',
        replicates: 400,
        level: 0.9,
        method,
      });
      if (ci_low <= 0 && ci_high >= 0) covered++;
    }
    expect(covered / studies).toBeGreaterThan(0.85);
    expect(covered / studies).toBeLessThan(0.93);
  },
);

test('clusters are the units: copies of a row add no certainty', () => {
  const once = normals(30, 'clustered');
  const copied = Float64Array.from({ length: 300 }, (_, i) => once[i % 30] as number);
  const clusters = Array.from({ length: 300 }, (_, i) => `word ${i % 30}`);
  const width = (e: { ci_low?: number; ci_high?: number }) => (e.ci_high as number) - (e.ci_low as number);
  const options = { unit: 'word', replicates: 1000 };
  const clustered = bootstrapMean(copied, {
    ...options,
    stream: stream(0, 'b'),
    clusters,
  });
  const single = bootstrapMean(once, { ...options, stream: stream(0, 'b') });
  const naive = bootstrapMean(copied, { ...options, stream: stream(0, 'b') });
  expect(clustered.n).toBe(30);
  expect(width(clustered) / width(single)).toBeCloseTo(1, 1);
  expect(width(naive)).toBeLessThan(0.5 * width(single));
});

test('clusters of unequal size are drawn whole', () => {
  const clusters = ['a', 'b', 'a', 'c', 'c', 'c'];
  const sizes = new Set<number>();
  bootstrap(
    6,
    (rows) => {
      const counts = new Map<string, number>();
      for (const row of rows)
        counts.set(clusters[row] as string, (counts.get(clusters[row] as string) ?? 0) + 1);
      expect((counts.get('a') ?? 0) % 2).toBe(0);
      expect((counts.get('c') ?? 0) % 3).toBe(0);
      sizes.add(rows.length);
      return rows.length;
    },
    { stream: stream(0, 'b'), unit: 'cluster', replicates: 200, clusters },
  );
  expect(Math.max(...sizes)).toBe(9);
});

test('a paired difference cancels what the units share', () => {
  const before = Float64Array.from({ length: 60 }, (_, i) => i);
  const noise = normals(60, 'noise');
  const after = before.map((v, i) => v + 0.5 + 0.1 * (noise[i] as number));
  const paired = bootstrapPairedDifference(after, before, {
    stream: stream(0, 'b'),
    unit: 'prompt',
  });
  expect(paired.value).toBeCloseTo(0.5, 1);
  expect((paired.ci_high as number) - (paired.ci_low as number)).toBeLessThan(0.1);
});

test('several statistics share their resamples', () => {
  const values = normals(25, 'v');
  const [a, twice, difference] = bootstrapMany(
    25,
    3,
    (rows, out) => {
      out[0] = meanOf(values, rows);
      out[1] = 2 * (out[0] as number);
      out[2] = (out[1] as number) - 2 * (out[0] as number);
    },
    { stream: stream(0, 'b'), unit: 'row', replicates: 300 },
  );
  expect(twice?.ci_low).toBeCloseTo(2 * (a?.ci_low as number), 12);
  expect([difference?.ci_low, difference?.ci_high]).toEqual([0, 0]);
});

test('a constant has an interval of no width, one unit has none, and no rows is an error', () => {
  const options = () => ({
    stream: stream(0, 'b'),
    unit: 'row',
    replicates: 50,
  });
  expect(bootstrapMean([2, 2, 2], options())).toMatchObject({
    value: 2,
    ci_low: 2,
    ci_high: 2,
  });
  expect(bootstrapMean([2], options())).toEqual({
    value: 2,
    n: 1,
    n_unit: 'row',
  });
  expect(() => bootstrapMean([], options())).toThrow(/no rows/);
});

test('no interval is given when the statistic is undefined in many resamples', () => {
  let call = 0;
  const sometimes = () => (call++ % 3 === 2 ? Number.NaN : 1);
  const estimate = bootstrap(10, sometimes, {
    stream: stream(0, 'b'),
    unit: 'row',
    replicates: 100,
  });
  expect(estimate).toEqual({ value: 1, n: 10, n_unit: 'row' });
});

test('many units: the grouped jackknife agrees with the single one', () => {
  const draws = stream(5, 'skewed');
  const values = Float64Array.from({ length: 1500 }, () => Math.exp(1.2 * draws.normal())).sort();
  const many = bootstrapMean(values, {
    stream: stream(0, 'b'),
    unit: 'row',
    replicates: 1000,
  });
  const total = values.reduce((s, v) => s + v, 0);
  const replicates: number[] = [];
  const again = stream(0, 'b');
  for (let b = 0; b < 1000; b++) {
    let sum = 0;
    for (let i = 0; i < 1500; i++) sum += values[again.integer(1500)] as number;
    replicates.push(sum / 1500);
  }
  const single = bcaInterval(
    replicates,
    total / 1500,
    values.map((v) => (total - v) / 1499),
    0.95,
  );
  expect(Math.abs((many.ci_low as number) - single[0])).toBeLessThan(0.05);
  expect(Math.abs((many.ci_high as number) - single[1])).toBeLessThan(0.05);
});
