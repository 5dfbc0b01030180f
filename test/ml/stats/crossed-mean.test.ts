import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { crossedMean } from '../../../ml/stats/crossed-mean.ts';
import { meanInterval } from '../../../ml/stats/mean-interval.ts';

const covers = ({ ci_low, ci_high }: { ci_low?: number; ci_high?: number }) =>
  (ci_low as number) < 0 && (ci_high as number) > 0;

test.each([3, 12])(
  'with %i columns it covers the mean, where an interval over rows alone does not',
  (count) => {
    let covered = 0;
    let coveredByRows = 0;
    const runs = 1000;
    for (let run = 0; run < runs; run++) {
      const draws = stream(run, 'table');
      const rowEffects = draws.normals(60);
      const columns = Array.from({ length: count }, () => {
        const shift = draws.normal();
        return rowEffects.map((effect) => effect + shift + draws.normal());
      });
      const rows = Array.from(
        rowEffects,
        (_, r) => columns.reduce((sum, c) => sum + (c[r] as number), 0) / count,
      );
      if (covers(crossedMean(columns, 'prompt'))) covered++;
      if (covers(meanInterval(rows, 'prompt'))) coveredByRows++;
    }
    expect(covered / runs).toBeGreaterThan(0.92);
    expect(covered / runs).toBeLessThan(0.99);
    expect(coveredByRows / runs).toBeLessThan(0.8);
  },
);

test('columns that agree leave the interval of the rows', () => {
  const column = stream(0, 'rows').normals(40);
  const rows = meanInterval(Array.from(column), 'prompt');
  expect(crossedMean([column], 'prompt').ci_low).toBeCloseTo(rows.ci_low as number, 9);
  expect(crossedMean([column, column, column], 'prompt').ci_low).toBeCloseTo(rows.ci_low as number, 9);
});
