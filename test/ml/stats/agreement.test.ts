import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { krippendorffAlpha } from '../../../ml/stats/krippendorff-alpha.ts';
import { pigeonholeMean } from '../../../ml/stats/pigeonhole.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/annotation-agreement.json', import.meta.url), 'utf8'),
) as { random: { labels: (number | null)[][]; alpha: number }[] };

test("Krippendorff's alpha equals the package's, labels missing or not", () => {
  for (const { labels, alpha } of fixture.random) {
    const units = (labels[0] as unknown[]).map((_, item) =>
      labels.flatMap((row) => (row[item] === null ? [] : [row[item] as number])),
    );
    expect(krippendorffAlpha(units)).toBeCloseTo(alpha, 12);
  }
});

test('alpha of one label only, or of units with one label each, is undefined', () => {
  expect(
    krippendorffAlpha([
      ['a', 'a'],
      ['a', 'a', 'a'],
    ]),
  ).toBeNaN();
  expect(krippendorffAlpha([['a'], ['b']])).toBeNaN();
  expect(
    krippendorffAlpha([
      ['a', 'a'],
      ['b', 'b'],
    ]),
  ).toBe(1);
});

test('an interval over rows and columns covers the mean where one over rows alone does not', () => {
  let covered = 0;
  let coveredByRows = 0;
  const runs = 200;
  for (let run = 0; run < runs; run++) {
    const draws = stream(run, 'table');
    const rowEffects = draws.normals(60);
    const columns = Array.from({ length: 12 }, () => {
      const shift = draws.normal();
      return rowEffects.map((effect) => effect + shift + draws.normal());
    });
    const both = pigeonholeMean(columns, {
      stream: stream(run, 'both'),
      unit: 'prompt',
      replicates: 300,
    });
    const averaged = Array.from(
      rowEffects,
      (_, r) => columns.reduce((sum, c) => sum + (c[r] as number), 0) / 12,
    );
    const rows = pigeonholeMean([averaged], { stream: stream(run, 'rows'), unit: 'prompt', replicates: 300 });
    expect(both.value).toBeCloseTo(rows.value, 5);
    if ((both.ci_low as number) < 0 && (both.ci_high as number) > 0) covered++;
    if ((rows.ci_low as number) < 0 && (rows.ci_high as number) > 0) coveredByRows++;
  }
  expect(covered / runs).toBeGreaterThan(0.9);
  expect(coveredByRows / runs).toBeLessThan(0.8);
});
