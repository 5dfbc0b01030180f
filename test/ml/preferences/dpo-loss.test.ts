import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Divergence } from '../../../ml/preferences/divergences.ts';
import { type DpoLossOptions, dpoLoss, type PreferenceBatch } from '../../../ml/preferences/dpo-loss.ts';
import {
  checkLoss,
  type DpoLossName,
  pairwiseLosses,
} from '../../../ml/preferences/dpo-losses/dpo-losses.ts';
import { acrossPairsLosses } from '../../../ml/preferences/dpo-losses/sorted.ts';
import { stream } from '../../../ml/random/stream.ts';
import { referenceMaths } from '../rlhf/reference-maths.ts';

interface Fixture {
  inputs: Record<string, number[]> & { completion_mask: number[][]; beta: number };
  cases: Record<string, { loss: number; label_smoothing: number; metrics: Record<string, number> }>;
}
const { inputs, cases } = referenceMaths<Fixture>('dpo_trl');
const lengths = inputs.completion_mask.map((row) => row.reduce((sum, one) => sum + one, 0));
const batch: PreferenceBatch = {
  policy: { chosen: inputs.policy_chosen_logps!, rejected: inputs.policy_rejected_logps! },
  reference: { chosen: inputs.ref_chosen_logps!, rejected: inputs.ref_rejected_logps! },
  tokens: { chosen: lengths.slice(0, 3), rejected: lengths.slice(3) },
};
const defaults: DpoLossOptions = {
  loss: 'sigmoid',
  beta: inputs.beta,
  labelSmoothing: 0,
  discopopTau: 0.05,
  divergence: { type: 'reverse-kl' },
};

test('the losses of TRL: every one of them, within 1e-5 of its value there, and its metrics', () => {
  expect(Object.keys(cases)).toHaveLength(15);
  for (const [name, { loss, label_smoothing, metrics }] of Object.entries(cases)) {
    const options = {
      ...defaults,
      loss: name.replaceAll('_', '-') as DpoLossName,
      labelSmoothing: label_smoothing,
    };
    const ours = dpoLoss(batch, options);
    expect(Math.abs(ours.loss / loss - 1), name).toBeLessThan(1e-5);
    const { stats } = ours;
    expect(stats.rewardChosen).toBeCloseTo(metrics['rewards/chosen']!, 5);
    expect(stats.rewardRejected).toBeCloseTo(metrics['rewards/rejected']!, 5);
    expect(stats.margin).toBeCloseTo(metrics['rewards/margins']!, 5);
    expect(stats.accuracy).toBe(metrics['rewards/accuracies']);
    expect(Math.abs(stats.logProbChosen - metrics['logps/chosen']!)).toBeLessThan(1e-5);
    expect(Math.abs(stats.logProbRejected - metrics['logps/rejected']!)).toBeLessThan(1e-5);
  }
});

test('other divergences: losses and gradients of TRL', () => {
  const path = new URL('../../fixtures/dpo-divergences.json', import.meta.url);
  const document = JSON.parse(readFileSync(path, 'utf8')) as {
    cases: Record<string, Record<string, { loss: number; chosen: number[]; rejected: number[] }>>;
  };
  expect(Object.keys(document.cases)).toHaveLength(4);
  for (const [name, ofLoss] of Object.entries(document.cases)) {
    const [type, coefficient] = name.startsWith('alpha') ? ['alpha', Number(name.slice(6))] : [name, 0];
    const divergence = { type, coefficient } as Divergence;
    for (const [lossName, theirs] of Object.entries(ofLoss)) {
      const loss = lossName.replaceAll('_', '-') as DpoLossName;
      const labelSmoothing = ['robust', 'exo-pair'].includes(loss) ? 0.1 : 0;
      const ours = dpoLoss(batch, { ...defaults, loss, divergence, labelSmoothing });
      expect(Math.abs(ours.loss / theirs.loss - 1), `${name} ${loss}`).toBeLessThan(1e-5);
      for (const side of ['chosen', 'rejected'] as const)
        for (const [i, slope] of theirs[side].entries())
          expect(Math.abs(ours.gradients[side][i]! - slope), `${name} ${loss} ${side}`).toBeLessThan(
            1e-5 * Math.max(1, Math.abs(slope)),
          );
    }
  }
});

test('cDPO and the first form of IPO, beside the values of the original repository', () => {
  expect(dpoLoss(batch, { ...defaults, loss: 'cdpo', labelSmoothing: 0.1 }).loss).toBeCloseTo(0.557313, 6);
  expect(dpoLoss(batch, { ...defaults, loss: 'ipo-sum' }).loss).toBeCloseTo(4.9801, 5);
});

const divergences: Divergence[] = [
  { type: 'reverse-kl' },
  { type: 'forward-kl' },
  { type: 'js' },
  { type: 'alpha', coefficient: 0.5 },
];
const names = [...Object.keys(pairwiseLosses), ...Object.keys(acrossPairsLosses)] as DpoLossName[];
const smoothing = (loss: DpoLossName) =>
  ['cdpo', 'robust', 'exo-pair', 'aot', 'aot-unpaired'].includes(loss) ? 0.1 : 0;

const defined = names.flatMap((loss) =>
  divergences.flatMap((divergence) => {
    try {
      checkLoss(loss, divergence.type, smoothing(loss));
      return [{ loss, divergence, type: divergence.type }];
    } catch {
      return [];
    }
  }),
);

test('other divergences than the reverse KL are for the losses that TRL has them for', () => {
  const with4 = names.filter((loss) => defined.filter((one) => one.loss === loss).length === 4);
  expect(with4.sort()).toEqual(
    [
      'cdpo',
      'discopop',
      'exo-pair',
      'hinge',
      'ipo',
      'ipo-sum',
      'robust',
      'sft',
      'sigmoid',
      'sigmoid-norm',
    ].sort(),
  );
  expect(defined).toHaveLength(10 * 4 + 7);
});

test.each(defined)(
  '$loss with $type has the gradient that finite differences show',
  ({ loss, divergence }) => {
    const options = { ...defaults, loss, divergence, labelSmoothing: smoothing(loss), beta: 0.3 };
    const random = stream(1, loss);
    const draw = (n: number, centre: number, spread: number) =>
      Float64Array.from({ length: n }, () => centre + spread * random.normal());
    const reference = { chosen: draw(6, -12, 3), rejected: draw(6, -12, 3) };
    const policy = {
      chosen: reference.chosen.map((x) => x + random.normal()),
      rejected: reference.rejected.map((x) => x + random.normal()),
    };
    const tokens = { chosen: [3, 5, 4, 7, 2, 9], rejected: [4, 2, 6, 3, 8, 5] };
    const { gradients } = dpoLoss({ policy, reference, tokens }, options);
    const h = 1e-5;
    for (const side of ['chosen', 'rejected'] as const) {
      for (let i = 0; i < 6; i++) {
        const at = (shift: number) => {
          const moved = { ...policy, [side]: policy[side].map((x, j) => (j === i ? x + shift : x)) };
          return dpoLoss({ policy: moved, reference, tokens }, options).loss;
        };
        const slope = (at(h) - at(-h)) / (2 * h);
        const ours = gradients[side][i]!;
        expect(Math.abs(ours - slope), `${side} ${i}: ${ours} and ${slope}`).toBeLessThan(
          1e-6 * Math.max(1, Math.abs(slope)),
        );
      }
    }
  },
);

test('log-ratios of hundreds of nats give finite losses and gradients', () => {
  const far = {
    policy: { chosen: [-10, -2000], rejected: [-2000, -10] },
    reference: { chosen: [-2000, -10], rejected: [-10, -2000] },
    tokens: { chosen: [9, 9], rejected: [9, 9] },
  };
  for (const loss of names) {
    const { loss: value, gradients } = dpoLoss(far, { ...defaults, loss, labelSmoothing: smoothing(loss) });
    expect(Number.isFinite(value), loss).toBe(true);
    for (const side of Object.values(gradients)) expect(side.every(Number.isFinite), loss).toBe(true);
  }
});

test('combinations that no paper defines are refused', () => {
  expect(() => checkLoss('apo-zero', 'js', 0)).toThrow('no form for the divergence js');
  expect(() => checkLoss('exo-pair', 'reverse-kl', 0)).toThrow('not defined for label-smoothing 0');
  expect(() => checkLoss('robust', 'reverse-kl', 0.5)).toThrow('not defined for label-smoothing 0.5');
  expect(() => checkLoss('sigmoid', 'reverse-kl', 0.1)).toThrow('not defined for label-smoothing 0.1');
  expect(() => checkLoss('robust', 'alpha', 0.1)).not.toThrow();
});
