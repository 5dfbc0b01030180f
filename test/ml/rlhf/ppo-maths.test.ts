import { describe, expect, test } from 'vitest';
import { type SampledKlForm, sampledKl } from '../../../ml/rlhf/kl-penalty.ts';
import { ppoAdvantages } from '../../../ml/rlhf/ppo-advantages.ts';
import { type PpoLossInputs, ppoLoss } from '../../../ml/rlhf/ppo-loss.ts';
import { tokenRewards } from '../../../ml/rlhf/ppo-rewards.ts';
import { realEntries } from '../../../ml/rlhf/response-grid.ts';
import { gridOf, largestDifference, lengthsOf, referenceMaths } from './reference-maths.ts';

type Rows = number[][];

const fixture = referenceMaths<{
  inputs: Record<'logprobs' | 'ref_logprobs' | 'values' | 'mask' | 'new_logprobs' | 'vpreds', Rows> & {
    scores: number[];
  } & Record<'kl_coef' | 'gamma' | 'lam' | 'cliprange' | 'cliprange_value' | 'vf_coef', number>;
  cases: Record<
    string,
    Record<'rewards' | 'kl' | 'non_score_reward' | 'advantages' | 'returns', Rows> & {
      pg_loss: number;
      vf_loss_times_coef: number;
      stats: Record<string, number>;
    }
  >;
}>('ppo_trl_v0.7.11');
const { inputs, cases } = fixture;
const lengths = lengthsOf(inputs.mask);
const logProbs = gridOf(inputs.logprobs);
const values = gridOf(inputs.values);
const lossOptions = {
  clipRange: inputs.cliprange,
  valueClipRange: inputs.cliprange_value,
  valueCoefficient: inputs.vf_coef,
  ratioThreshold: 10,
};

test('the reference holds all six cases', () => {
  expect(Object.keys(cases).length).toBe(6);
});

describe.each(Object.keys(cases))('TRL 0.7.11, %s', (name) => {
  const expected = cases[name]!;
  const [, form, whitened] = /kl_penalty=(\w+),whiten_rewards=(\w+)/.exec(name) as unknown as [
    string,
    SampledKlForm,
    string,
  ];
  const kl = logProbs.map((row, b) => row.map((x, t) => sampledKl(form, x, inputs.ref_logprobs[b]![t]!)));
  const rewards = tokenRewards(kl, inputs.scores, lengths, inputs.kl_coef);
  const { advantages, returns } = ppoAdvantages(rewards, values, lengths, {
    gamma: inputs.gamma,
    lambda: inputs.lam,
    whitenRewards: whitened === 'True' ? 'padded' : 'off',
  });

  test('KL terms, token rewards, advantages and returns', () => {
    const noScores = inputs.scores.map(() => 0);
    expect(largestDifference(kl, expected.kl)).toBeLessThan(1e-5);
    expect(
      largestDifference(tokenRewards(kl, noScores, lengths, inputs.kl_coef), expected.non_score_reward),
    ).toBeLessThan(1e-5);
    expect(largestDifference(rewards, expected.rewards)).toBeLessThan(1e-5);
    expect(largestDifference(advantages, expected.advantages)).toBeLessThan(1e-5);
    expect(largestDifference(returns, expected.returns)).toBeLessThan(1e-5);
  });

  test('losses and statistics', () => {
    const loss = ppoLoss(
      {
        logProbs: realEntries(gridOf(inputs.new_logprobs), lengths),
        oldLogProbs: realEntries(logProbs, lengths),
        values: realEntries(gridOf(inputs.vpreds), lengths),
        oldValues: realEntries(values, lengths),
        advantages: realEntries(advantages, lengths),
        returns: realEntries(returns, lengths),
      },
      lossOptions,
    );
    const { stats } = loss;
    const ours = {
      'loss/policy': loss.policyLoss,
      'loss/value': loss.valueLoss,
      'loss/total': loss.totalLoss,
      'policy/approxkl': stats.approxKl,
      'policy/policykl': stats.policyKl,
      'policy/clipfrac': stats.clipFraction,
      'policy/advantages_mean': stats.advantageMean,
      'returns/mean': stats.returnMean,
      'returns/var': stats.returnVariance,
      'val/vpred': stats.predictionMean,
      'val/error': stats.predictionError,
      'val/clipfrac': stats.valueClipFraction,
      'val/mean': stats.valueMean,
      'val/var': stats.valueVariance,
    };
    for (const [key, value] of Object.entries(ours)) expect(value, key).toBeCloseTo(expected.stats[key]!, 5);
    expect(loss.policyLoss).toBeCloseTo(expected.pg_loss, 5);
    expect(inputs.vf_coef * loss.valueLoss).toBeCloseTo(expected.vf_loss_times_coef, 5);
    // Everything but the entropy, which is tested with the models.
    expect(Object.keys(ours).length).toBe(Object.keys(expected.stats).length - 1);
  });
});

test('masked reward whitening does not depend on how far the batch is padded; the reference form does', () => {
  const advantagesAt = (extra: number, whitenRewards: 'masked' | 'padded') => {
    const pad = (rows: Rows) => gridOf(rows.map((row) => [...row, ...Array<number>(extra).fill(0)]));
    const rewards = tokenRewards(pad(inputs.logprobs), inputs.scores, lengths, 0.2);
    const options = { gamma: 1, lambda: 0.95, whitenRewards };
    return realEntries(ppoAdvantages(rewards, pad(inputs.values), lengths, options).advantages, lengths);
  };
  expect(largestDifference([advantagesAt(0, 'masked')], [advantagesAt(7, 'masked')])).toBeLessThan(1e-12);
  expect(largestDifference([advantagesAt(0, 'padded')], [advantagesAt(7, 'padded')])).toBeGreaterThan(0.01);
});

describe('the gradients of the loss', () => {
  const n = 40;
  const wave = (offset: number, scale: number) =>
    Float64Array.from({ length: n }, (_, i) => scale * Math.sin(1.7 * i + offset));
  const at: PpoLossInputs = {
    logProbs: wave(1, 0.5),
    oldLogProbs: wave(2.9, 0.5),
    values: wave(2, 1),
    oldValues: wave(3.9, 1),
    advantages: wave(3, 2),
    returns: wave(4, 2),
  };

  test.each(['logProbs', 'values'] as const)('equal finite differences in %s', (name) => {
    const { gradients } = ppoLoss(at, lossOptions);
    const total = (i: number, shift: number) => {
      const moved = Float64Array.from(at[name]);
      moved[i] = moved[i]! + shift;
      return ppoLoss({ ...at, [name]: moved }, lossOptions).totalLoss;
    };
    for (let i = 0; i < n; i++) {
      expect(gradients[name][i]).toBeCloseTo((total(i, 1e-6) - total(i, -1e-6)) / 2e-6, 6);
    }
    expect(gradients[name].some((value) => value === 0)).toBe(true);
  });

  test('equal finite differences with a dual clip and an entropy bonus, also in the entropies', () => {
    const options = { ...lossOptions, dualClip: 1.1, entropyBonus: 0.3 };
    const wide = { ...at, logProbs: wave(1, 1), entropies: wave(5, 1) };
    const { gradients, stats } = ppoLoss(wide, options);
    expect(stats.dualClipFraction).toBeGreaterThan(0);
    expect(stats.dualClipFraction).toBeLessThan(0.5);
    for (const name of ['logProbs', 'entropies'] as const) {
      const total = (i: number, shift: number) => {
        const moved = Float64Array.from(wide[name]);
        moved[i] = moved[i]! + shift;
        return ppoLoss({ ...wide, [name]: moved }, options).totalLoss;
      };
      for (let i = 0; i < n; i++) {
        const slope = (total(i, 1e-6) - total(i, -1e-6)) / 2e-6;
        expect(name === 'entropies' ? gradients.entropies : gradients.logProbs[i]).toBeCloseTo(slope, 6);
      }
    }
  });

  test('are zero when the advantages are zero and the values are right', () => {
    const { gradients, policyLoss } = ppoLoss(
      { ...at, advantages: new Float64Array(n), returns: at.values },
      lossOptions,
    );
    expect(policyLoss).toBeCloseTo(0, 12);
    expect(gradients.logProbs.every((value) => value === 0)).toBe(true);
    expect(gradients.values.every((value) => value === 0)).toBe(true);
  });

  test('are zero when the probabilities have moved too far from those that were sampled', () => {
    const far = { ...at, logProbs: Float64Array.from(at.oldLogProbs, (x) => x + Math.log(10.5)) };
    const guarded = ppoLoss(far, lossOptions);
    expect(guarded.totalLoss).toBe(0);
    expect(guarded.gradients.logProbs.every((value) => value === 0)).toBe(true);
    expect(ppoLoss(far, { ...lossOptions, ratioThreshold: 11 }).totalLoss).not.toBe(0);
  });
});
