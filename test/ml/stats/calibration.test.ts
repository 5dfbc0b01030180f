import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { calibration } from '../../../ml/stats/calibration.ts';

const options = { bins: 10, lowest: 0.5, unit: 'pair' };

test('the expected calibration error by hand, and the confidence 1 in the last bin', () => {
  // Bins of 0.05: two at 0.52 (one right), one at 0.72 (wrong), one at 1 (right).
  const { bins, expectedError } = calibration([0.52, 0.52, 0.72, 1], [true, false, false, true], options);
  expect(expectedError).toBeCloseTo((2 * 0.02 + 0.72 + 0) / 4, 12);
  expect(bins.map(({ n }) => n)).toEqual([2, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  expect(bins[0]).toMatchObject({ confidence: 0.52, accuracy: { value: 0.5, n: 2, n_unit: 'pair' } });
  expect(bins[1]).toMatchObject({ confidence: null, accuracy: null });
});

test('confidences that are true have a small error, overconfident ones that of their excess', () => {
  const random = stream(0, 'calibration');
  const truth = Array.from({ length: 20_000 }, () => 0.5 + 0.4 * random.uniform());
  const right = truth.map((p) => random.uniform() < p);
  expect(calibration(truth, right, options).expectedError).toBeLessThan(0.012);
  const claimed = truth.map((p) => p + 0.1);
  expect(calibration(claimed, right, options).expectedError).toBeCloseTo(0.1, 2);
});
