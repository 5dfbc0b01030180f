import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { GRPO_DEFAULTS, grpoAdvantages, grpoLoss } from '../../../ml/rlhf/grpo.ts';
import { ppoLoss } from '../../../ml/rlhf/ppo-loss.ts';
import { realEntries, toGrid } from '../../../ml/rlhf/response-grid.ts';
import { rlooAdvantages, rlooLoss } from '../../../ml/rlhf/rloo.ts';
import { type MomentsState, ScoreShaper } from '../../../ml/rlhf/score-shaping.ts';
import { gridOf, largestDifference, lengthsOf, referenceMaths } from './reference-maths.ts';

type Rows = number[][];
interface LossCase {
  loss: number;
  gradient: Rows;
  clip_fraction: number;
}

/** Made by test/fixtures/make/on_policy.py. */
const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/on-policy.json', import.meta.url), 'utf8'),
) as {
  inputs: Record<'old' | 'new' | 'ref' | 'mask', Rows> & {
    advantages: number[];
    max_completion_length: number;
    epsilon: number;
  };
  grpo: Record<string, LossCase>;
  rloo: Record<string, LossCase>;
  moments: (MomentsState & Record<'scores' | 'scaled' | 'normalised' | 'clipped', number[]>)[];
  dual_clip: { new: Rows; advantages: Rows; cases: Record<string, LossCase> };
};
const { inputs } = fixture;
const lengths = lengthsOf(inputs.mask);
const real = (rows: Rows) => realEntries(gridOf(rows), lengths);
const given = {
  lengths,
  advantages: inputs.advantages,
  logProbs: real(inputs.new),
  oldLogProbs: real(inputs.old),
  referenceLogProbs: real(inputs.ref),
};

/** What a case's name sets: `beta=0.04,epsilon_high=0.28`. */
const named = (name: string) => Object.fromEntries(name.split(',').map((part) => part.split('=')));

test('advantages of GRPO, Dr. GRPO and RLOO equal the reference', () => {
  const { rewards, group, ...expected } = referenceMaths<
    Record<'rewards' | 'grpo_group' | 'dr_grpo_none' | 'rloo', number[]> & { group: number }
  >('grpo_rloo_adv');
  const ours = {
    grpo_group: grpoAdvantages(rewards, { group, scaleRewards: 'group' }),
    dr_grpo_none: grpoAdvantages(rewards, { group, scaleRewards: 'none' }),
    rloo: rlooAdvantages(rewards, group),
  };
  for (const name of ['grpo_group', 'dr_grpo_none', 'rloo'] as const)
    expect(largestDifference([ours[name]], [expected[name]]), name).toBeLessThan(1e-5);
});

test.each(Object.keys(fixture.grpo))('the GRPO loss equals that of TRL: %s', (name) => {
  const expected = fixture.grpo[name]!;
  const { loss_type, beta, epsilon_high } = named(name);
  const { totalLoss, gradients, stats } = grpoLoss(given, {
    ...GRPO_DEFAULTS,
    beta: Number(beta),
    clipRange: inputs.epsilon,
    clipRangeHigh: Number(epsilon_high),
    lossType: loss_type.replace('_', '-'),
    completionTokens: [1, inputs.max_completion_length],
  });
  expect(totalLoss).toBeCloseTo(expected.loss, 6);
  expect(largestDifference(toGrid(gradients.logProbs, lengths), expected.gradient)).toBeLessThan(1e-6);
  expect(stats.clipFraction).toBeCloseTo(expected.clip_fraction, 6);
});

test.each(Object.keys(fixture.rloo))('the RLOO loss equals that of TRL: %s', (name) => {
  const expected = fixture.rloo[name]!;
  const { epsilon_high } = named(name);
  const { totalLoss, gradients, stats } = rlooLoss(given, {
    clipRange: inputs.epsilon,
    clipRangeHigh: Number(epsilon_high),
  });
  expect(totalLoss).toBeCloseTo(expected.loss, 6);
  expect(largestDifference(toGrid(gradients.logProbs, lengths), expected.gradient)).toBeLessThan(1e-6);
  expect(stats.clipFraction).toBeCloseTo(expected.clip_fraction, 6);
});

test.each(Object.keys(fixture.dual_clip.cases))('the dual clip equals that of OpenRLHF: %s', (c) => {
  const expected = fixture.dual_clip.cases[c]!;
  const zeros = new Float64Array(given.logProbs.length);
  const { policyLoss, gradients, stats } = ppoLoss(
    {
      logProbs: real(fixture.dual_clip.new),
      oldLogProbs: given.oldLogProbs,
      advantages: real(fixture.dual_clip.advantages),
      ...{ values: zeros, oldValues: zeros, returns: zeros },
    },
    { clipRange: 0.2, valueClipRange: 0.2, valueCoefficient: 0, ratioThreshold: 1e9, dualClip: Number(c) },
  );
  expect(stats.dualClipFraction).toBeGreaterThan(0);
  expect(policyLoss).toBeCloseTo(expected.loss, 6);
  expect(largestDifference(toGrid(gradients.logProbs, lengths), expected.gradient)).toBeLessThan(1e-6);
});

describe('scores', () => {
  const off = { scaleRewards: 'off', clipRewards: null, missingEosPenalty: 0 } as const;
  const all = (scores: readonly number[]) => scores.map(() => true);

  test('are scaled, normalised and clipped as by TRL 0.7.11, batch after batch', () => {
    const shapers = {
      scaled: new ScoreShaper({ ...off, scaleRewards: 'scale' }),
      normalised: new ScoreShaper({ ...off, scaleRewards: 'normalise' }),
      clipped: new ScoreShaper({ ...off, scaleRewards: 'normalise', clipRewards: 0.5 }),
    };
    for (const { scores, mean, count, ...expected } of fixture.moments) {
      for (const name of ['scaled', 'normalised', 'clipped'] as const) {
        const shaped = shapers[name].shape(scores, all(scores));
        expect(largestDifference([shaped], [expected[name]]), name).toBeLessThan(1e-5);
      }
      const moments = shapers.scaled.save();
      expect(moments.mean).toBeCloseTo(mean, 5);
      expect(moments.count).toBe(count);
    }
  });

  test('stay as they are by default, to the last bit', () => {
    const scores = [0.1, -3e-17, 1e9];
    expect(new ScoreShaper(off).shape(scores, [true, false, true])).toEqual(scores);
  });

  test('lose the penalty where the end is missing, whatever the clip', () => {
    const shaper = new ScoreShaper({ ...off, clipRewards: 1, missingEosPenalty: 2 });
    expect(shaper.shape([5, 5, -5], [true, false, false])).toEqual([1, -1, -3]);
  });

  test('that are all equal have no scale', () => {
    const shaper = new ScoreShaper({ ...off, scaleRewards: 'scale' });
    expect(shaper.shape([0.7, 0.7], [true, true])).toEqual([0.7, 0.7]);
    expect(new ScoreShaper({ ...off, scaleRewards: 'normalise' }).shape([3], [true])).toEqual([0]);
  });

  test('go on from saved moments', () => {
    const [whole, first, second] = [0, 1, 2].map(
      () => new ScoreShaper({ ...off, scaleRewards: 'normalise' }),
    );
    whole!.shape([1, 2, 4], all([1, 2, 4]));
    first!.shape([1, 2, 4], all([1, 2, 4]));
    second!.load(JSON.parse(JSON.stringify(first!.save())) as MomentsState);
    expect(second!.shape([7, 0], [true, true])).toEqual(whole!.shape([7, 0], [true, true]));
  });
});
