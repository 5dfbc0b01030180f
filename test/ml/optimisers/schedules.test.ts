import { expect, test } from 'vitest';
import { constantSchedule } from '../../../ml/optimisers/schedules/constant.ts';
import { cosineSchedule } from '../../../ml/optimisers/schedules/cosine.ts';
import { linearSchedule } from '../../../ml/optimisers/schedules/linear.ts';

test('warm-up rises from 0, then each schedule starts at 1', () => {
  for (const schedule of [
    constantSchedule({ warmup: 10 }),
    linearSchedule({ total: 100, warmup: 10 }),
    cosineSchedule({ total: 100, warmup: 10 }),
  ]) {
    expect([0, 5, 10].map(schedule)).toEqual([0, 0.5, 1]);
  }
});

test('linear and cosine end at 0 at the total and stay there', () => {
  const linear = linearSchedule({ total: 100, warmup: 20 });
  expect([60, 100, 150].map(linear)).toEqual([0.5, 0, 0]);
  const cosine = cosineSchedule({ total: 100 });
  expect(cosine(0)).toBe(1);
  expect(cosine(50)).toBeCloseTo(0.5, 12);
  expect(cosine(25)).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
  expect(cosine(100)).toBeCloseTo(0, 12);
  expect(cosineSchedule({ total: 10, floor: 0.1 })(20)).toBeCloseTo(0.1, 12);
});

test('without warm-up the first step has the full rate', () => {
  expect(constantSchedule()(0)).toBe(1);
  expect(linearSchedule({ total: 10 })(0)).toBe(1);
});
