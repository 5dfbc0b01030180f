import { expect, test } from 'vitest';
import { SaeHistory } from '../../activities/sae-history.ts';

const noted = (history: SaeHistory, from: number, to: number): SaeHistory => {
  for (let step = from; step < to; step++) history.note(step, { loss: step / 2, dead: 1 });
  return history;
};

test('a short training keeps every step, a long one as many as a curve shows, evenly', () => {
  expect(noted(new SaeHistory(), 0, 300).table().rows).toHaveLength(300);
  const { rows, columns } = noted(new SaeHistory(), 0, 10_000).table();
  expect(rows.length).toBeLessThanOrEqual(400);
  expect(rows.length).toBeGreaterThan(200);
  expect(rows.map(({ step }) => step)).toEqual(rows.map((_, i) => 32 * i));
  expect(rows[3]).toEqual({ step: 96, loss: 48, dead: 1 });
  expect(columns.map(({ key }) => key)).toEqual(['step', 'loss', 'dead']);
});

test('resumed from what was saved anywhere, it is the same', () => {
  const whole = noted(new SaeHistory(), 0, 5000);
  for (const at of [0, 1, 399, 401, 3333]) {
    const resumed = new SaeHistory();
    resumed.load(JSON.parse(JSON.stringify(noted(new SaeHistory(), 0, at).save())));
    expect(noted(resumed, at, 5000).table()).toEqual(whole.table());
  }
  const without = new SaeHistory();
  without.load(undefined);
  expect(
    noted(without, 8, 10)
      .table()
      .rows.map(({ step }) => step),
  ).toEqual([8, 9]);
});
