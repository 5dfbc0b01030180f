import { expect, test } from 'vitest';
import {
  klRecovered,
  lossRecovered,
  NO_LOSSES,
  totalLosses,
} from '../../../../ml/sae/metrics/loss-recovered.ts';

const losses = {
  predictions: 10,
  clean: 20,
  reconstructed: 23,
  zero: 50,
  mean: 35,
  klReconstructed: 2,
  klZero: 20,
  klMean: 8,
};

test('the model itself recovers everything, the ablation nothing', () => {
  for (const ablation of ['zero', 'mean'] as const) {
    expect(lossRecovered({ ...losses, reconstructed: losses.clean }, ablation)).toBe(1);
    expect(lossRecovered({ ...losses, reconstructed: losses[ablation] }, ablation)).toBe(0);
    expect(klRecovered({ ...losses, klReconstructed: 0 }, ablation)).toBe(1);
  }
  expect(klRecovered({ ...losses, klReconstructed: losses.klMean }, 'mean')).toBe(0);
});

test('zeros flatter beside the mean', () => {
  expect(lossRecovered(losses, 'zero')).toBeCloseTo(0.9, 12);
  expect(lossRecovered(losses, 'mean')).toBeCloseTo(0.8, 12);
});

test('an ablation without effect gives no number', () => {
  expect(lossRecovered({ ...losses, zero: losses.clean }, 'zero')).toBeNaN();
  expect(klRecovered(NO_LOSSES, 'zero')).toBeNaN();
});

test('sums of texts weigh each prediction once', () => {
  const other = { ...losses, predictions: 30, clean: 90 };
  expect(totalLosses([losses, other]).clean).toBe(110);
  expect(totalLosses([losses, other], Int32Array.of(1, 1)).predictions).toBe(60);
});
