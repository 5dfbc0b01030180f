import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { krippendorffAlpha } from '../../../ml/stats/krippendorff-alpha.ts';

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
