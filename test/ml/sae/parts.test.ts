import { expect, test } from 'vitest';
import { trapezoidSchedule } from '../../../ml/optimisers/schedules/trapezoid.ts';
import { warmup } from '../../../ml/optimisers/schedules/warmup.ts';
import { DeadLatents, firedOf } from '../../../ml/sae/dead-latents.ts';
import { geometricMedian } from '../../../ml/sae/geometric-median.ts';
import { meanRowMinimum, ThresholdAverage } from '../../../ml/sae/threshold.ts';
import { difference, flat, type Matrix, section } from './fixture.ts';

test('the geometric median is that of dictionary_learning', () => {
  const { points, median } = section<{ points: Matrix; median: number[] }>('geometric_median');
  expect(difference(geometricMedian(flat(points), 6), median)).toBeLessThan(1e-5);
});

test('the geometric median of points that hold it is found, and one outlier does not move it far', () => {
  const points = Float32Array.from([0, 0, 1, 0, -1, 0, 0, 1, 0, -1, 1000, 1000]);
  expect(Math.hypot(...geometricMedian(points, 2))).toBeLessThan(1);
  expect([...geometricMedian(Float32Array.from([2, 3]), 2)]).toEqual([2, 3]);
});

test('schedules are those of dictionary_learning', () => {
  const { at, ...wanted } = section<Record<string, number[]>>('lr_schedules') as Record<string, number[]>;
  const at_ = at as number[];
  const expectSchedule = (schedule: (step: number) => number, values: number[]) =>
    expect(difference(at_.map(schedule), values)).toBeLessThan(1e-6);
  expectSchedule(trapezoidSchedule({ total: 100, warmup: 10 }), wanted.warm10_total100!);
  expectSchedule(
    trapezoidSchedule({ total: 100, warmup: 10, decayStart: 80 }),
    wanted.warm10_decay80_total100!,
  );
  expectSchedule(
    warmup(20, () => 1),
    wanted.sparsity_warm20!,
  );
});

test('features die when a window of tokens passes without them, and come back when they fire', () => {
  const latents = new DeadLatents(3, 20);
  latents.observe(firedOf(3, Int32Array.of(0, 1), Float32Array.of(0.5, 0)), 10);
  expect([...latents.dead()]).toEqual([]);
  latents.observe(Uint8Array.of(1, 0, 0), 10);
  // 1 was kept, but with value 0: that is not firing.
  expect([...latents.dead()]).toEqual([1, 2]);
  const other = new DeadLatents(3, 20);
  other.restore(latents.state());
  other.observe(Uint8Array.of(0, 0, 1), 10);
  expect([...other.dead()]).toEqual([1]);
});

test('the threshold averages the smallest positive value of each row', () => {
  const threshold = new ThresholdAverage(0.5, 1);
  threshold.observe(0, meanRowMinimum(Float32Array.of(9, 9), 2));
  expect(threshold.current()).toBeNull();
  threshold.observe(1, meanRowMinimum(Float32Array.of(3, 1, 5, 0, 0, 0), 2));
  expect(threshold.current()).toBe(3);
  threshold.observe(2, meanRowMinimum(Float32Array.of(2, 1), 2));
  expect(threshold.current()).toBe(2);
});
