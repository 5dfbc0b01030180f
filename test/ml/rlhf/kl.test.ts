import { expect, test } from 'vitest';
import { stream } from '../../../ml/random/stream.ts';
import { KlController } from '../../../ml/rlhf/kl-controller.ts';
import { sampledKl } from '../../../ml/rlhf/kl-penalty.ts';
import { largestDifference, referenceMaths } from './reference-maths.ts';

test('the estimators equal the reference', () => {
  const { logp, ref, ...expected } =
    referenceMaths<Record<'logp' | 'ref' | 'k1' | 'k2' | 'k3', number[][]>>('kl_estimators');
  const forms = { k1: 'kl', k2: 'mse', k3: 'k3' } as const;
  for (const name of ['k1', 'k2', 'k3'] as const) {
    const ours = logp.map((row, b) => row.map((x, t) => sampledKl(forms[name], x, ref[b]![t]!)));
    expect(largestDifference(ours, expected[name]), name).toBeLessThan(1e-5);
  }
});

test('kl and k3 estimate the KL of two known distributions without bias, k3 with less variance', () => {
  const p = [0.6, 0.3, 0.1];
  const q = [0.4, 0.4, 0.2];
  const exact = p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]!), 0);
  const random = stream(0, 'kl');
  const draws = Array.from({ length: 200_000 }, () => {
    const u = random.uniform();
    return u < 0.6 ? 0 : u < 0.9 ? 1 : 2;
  });
  const summary = (form: 'kl' | 'k3') => {
    const terms = draws.map((i) => sampledKl(form, Math.log(p[i]!), Math.log(q[i]!)));
    const mean = terms.reduce((sum, x) => sum + x, 0) / terms.length;
    return { mean, variance: terms.reduce((sum, x) => sum + (x - mean) ** 2, 0) / terms.length };
  };
  expect(summary('kl').mean).toBeCloseTo(exact, 2);
  expect(summary('k3').mean).toBeCloseTo(exact, 2);
  expect(summary('k3').variance).toBeLessThan(summary('kl').variance / 2);
});

test('the adaptive coefficient follows the reference sequence', () => {
  const { sequence } = referenceMaths<{ sequence: [number, number][] }>('adaptive_kl_v0.7.11');
  const controller = new KlController({ type: 'adaptive', initial: 0.2, target: 6, horizon: 10_000 });
  expect(sequence.length).toBe(9);
  for (const [kl, after] of sequence) {
    controller.update(kl, 256);
    expect(controller.coefficient).toBeCloseTo(after, 12);
  }
});

test('the adaptive coefficient rises above the target, falls below it, and goes on from a saved value', () => {
  const controller = new KlController({ type: 'adaptive', initial: 0.1, target: 2, horizon: 1000 });
  controller.update(50, 64);
  const high = controller.coefficient;
  expect(high).toBeGreaterThan(0.1);
  controller.update(0.1, 64);
  expect(controller.coefficient).toBeLessThan(high);
  controller.restore(high);
  expect(controller.coefficient).toBe(high);
});

test('a fixed coefficient stays', () => {
  const controller = new KlController({ type: 'fixed', initial: 0.1 });
  controller.update(50, 64);
  expect(controller.coefficient).toBe(0.1);
});
