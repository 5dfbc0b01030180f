import { clippedGain } from './clipped-gain.ts';
import { GROUP_DEFAULTS, type GroupSettings } from './group-settings.ts';
import {
  GROUP_METRICS,
  type GroupLoss,
  type GroupLossInputs,
  GroupTrainer,
  groupsOf,
} from './group-trainer.ts';
import type { OnPolicyParts } from './on-policy.ts';
import { sequenceKl } from './rollout-metrics.ts';

/**
 * REINFORCE with a leave-one-out baseline: a completion is one action, whose reward holds the KL penalty,
 *
 *   R = r - beta sum_t (log p_t - log q_t)         k1, under the policy that wrote it
 *   A = R - mean of R over the others of its prompt
 *
 * and whose probability is the product of its tokens': with rho = exp(sum_t logp_t - sum_t logp_old_t), the loss is
 *
 *   mean over completions of max(-A rho, -A clip(rho, 1 - low, 1 + high))
 *
 * whose gradient at rho = 1 is that of REINFORCE. Sources: Ahmadian et al., "Back to Basics: Revisiting REINFORCE Style
 * Optimization" (arXiv 2402.14740), section 3.2, eq. 8; Kool et al. (2019) for the baseline; the clip, which lets a batch be
 * used more than once, as in TRL 1.16, `RLOOTrainer`. There the defaults are group 2, beta 0.05, low 0.2.
 */
export type RlooSettings = GroupSettings;

/**
 * beta: at the 0.05 of TRL the same model had collapsed to a few replies after 48 steps, 90 nats a completion away; at 0.1 it was
 * 17 away and still varied. One pass over a batch: the ratio of a whole completion moves as far in one as those of its tokens do
 * in several, and nothing bounds it from above where the advantage is negative.
 */
export const RLOO_DEFAULTS: RlooSettings = { ...GROUP_DEFAULTS, beta: 0.1, epochs: 1 };

/** As for every group algorithm, but with one probability ratio for a whole completion. */
export const RLOO_METRICS = {
  ...GROUP_METRICS,
  ratio: 'Mean probability ratio of new to old policy of a whole completion, mean over updates.',
  clip_fraction: 'Share of completions whose policy loss was clipped, mean over updates.',
} as const;

export const rlooTrainer = (parts: OnPolicyParts<RlooSettings>): GroupTrainer<RlooSettings> =>
  new GroupTrainer(parts, {
    name: 'rlhf.rloo',
    title: 'RLOO',
    advantages(rewards, records, { group, beta }) {
      const kl = sequenceKl(records, 'kl');
      const penalised = rewards.map((reward, b) => reward - beta * (kl[b] as number));
      return rlooAdvantages(penalised, group);
    },
    loss: rlooLoss,
  });

/** 0 for a completion without others. */
export function rlooAdvantages(rewards: readonly number[], group: number): number[] {
  return groupsOf(rewards, group).flatMap((values) => {
    const total = values.reduce((sum, value) => sum + value, 0);
    return values.map((value) => (group > 1 ? value - (total - value) / (group - 1) : 0));
  });
}

export function rlooLoss(
  { lengths, advantages, logProbs, oldLogProbs }: GroupLossInputs,
  settings: Pick<RlooSettings, 'clipRange' | 'clipRangeHigh'>,
): GroupLoss {
  const rows = lengths.length;
  const n = logProbs.length;
  const gradients = { logProbs: new Float32Array(n) };
  const sum = { loss: 0, ratio: 0, square: 0, change: 0, clipped: 0 };
  let start = 0;
  for (const [b, length] of lengths.entries()) {
    let change = 0;
    for (let at = start; at < start + length; at++) {
      const step = (logProbs[at] as number) - (oldLogProbs[at] as number);
      change += step;
      sum.square += step * step;
    }
    const ratio = Math.exp(change);
    const { loss, slope, clipped } = clippedGain(ratio, advantages[b] as number, settings);
    gradients.logProbs.fill(slope / rows, start, start + length);
    sum.loss += loss;
    sum.ratio += ratio;
    sum.change -= change;
    sum.clipped += Number(clipped);
    start += length;
  }
  const loss = sum.loss / rows;
  return {
    policyLoss: loss,
    totalLoss: loss,
    gradients,
    stats: {
      ratio: sum.ratio / rows,
      approxKl: (0.5 * sum.square) / n,
      policyKl: sum.change / n,
      clipFraction: sum.clipped / rows,
    },
  };
}
