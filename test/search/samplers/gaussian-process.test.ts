import { expect, test } from 'vitest';
import {
  logExpectedImprovement,
  logExpectedImprovementWithGradient,
} from '../../../search/samplers/expected-improvement.ts';
import {
  fitHyperparameters,
  GaussianProcess,
  logPosterior,
} from '../../../search/samplers/gaussian-process.ts';
import { fixture } from '../fixture.ts';

const { process } = fixture;
// Optuna's categories are their index as ours; only its numbers are in [0, 1].
const points = process.points.map((point) => Float64Array.from(point));
const asked = process.asked.map((point) => Float64Array.from(point));
const hyper = {
  weights: Float64Array.from(process.raw.slice(0, 5), Math.exp),
  scale: Math.exp(process.raw[5] as number),
  noise: Math.exp(process.raw[6] as number) + 1e-6,
};
const model = new GaussianProcess(points, process.targets, process.categorical, hyper);
const close = (ours: number, theirs: number) =>
  expect(Math.abs(ours - theirs)).toBeLessThan(1e-8 * Math.max(1, Math.abs(theirs)));

test('the posterior of the hyperparameters and its gradient equal Optuna', () => {
  const { value, gradient } = logPosterior(
    points,
    process.targets,
    process.categorical,
  )(Float64Array.from(process.raw));
  close(value, process.value);
  for (const [j, theirs] of process.gradient.entries()) close(gradient[j] as number, theirs);
});

test('mean, variance and log expected improvement equal Optuna', () => {
  for (const [i, x] of asked.entries()) {
    const { mean, variance } = model.posterior(x);
    close(mean, process.mean[i] as number);
    close(variance, process.variance[i] as number);
    close(logExpectedImprovement(model, process.best, x), process.log_improvement[i] as number);
    const { gradient } = logExpectedImprovementWithGradient(model, process.best, x);
    for (let j = 0; j < 4; j++) close(gradient[j] as number, process.improvement_gradient[i]?.[j] as number);
    expect(gradient[4]).toBe(0);
  }
});

test('the improvement has a slope where it has underflowed', () => {
  const hopeless = process.best + 200;
  const x = asked[0] as Float64Array;
  const { value, gradient } = logExpectedImprovementWithGradient(model, hopeless, x);
  expect(value).toBeLessThan(-10_000);
  const nudged = x.slice();
  nudged[1] = (nudged[1] as number) + 1e-7;
  const slope = (logExpectedImprovement(model, hopeless, nudged) - value) / 1e-7;
  expect(Math.abs((gradient[1] as number) / slope - 1)).toBeLessThan(1e-3);
});

test('the fit is as probable as that of Optuna', () => {
  const fitted = fitHyperparameters(points, process.targets, process.categorical);
  const raw = Float64Array.from([
    ...fitted.weights.map(Math.log),
    Math.log(fitted.scale),
    Math.log(fitted.noise - 1e-6),
  ]);
  const { value } = logPosterior(points, process.targets, process.categorical)(raw);
  expect(value).toBeGreaterThan(process.fitted_value - 1e-2);
});

test('points that coincide do not break the model', () => {
  const same = [0, 1, 2, 3].map(() => Float64Array.of(0.5));
  const { mean } = new GaussianProcess(same, [1, 1, 1, 1], [false], {
    weights: Float64Array.of(1),
    scale: 1,
    noise: 0,
  }).posterior(Float64Array.of(0.5));
  expect(mean).toBeCloseTo(1, 3);
});
