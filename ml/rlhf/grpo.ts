import { clippedGain } from './clipped-gain.ts';
import { GROUP_DEFAULTS, type GroupSettings } from './group-settings.ts';
import { type GroupLoss, type GroupLossInputs, GroupTrainer, groupsOf } from './group-trainer.ts';
import { sampledKl } from './kl-penalty.ts';
import { mean, variance } from './moments.ts';
import type { OnPolicyParts } from './on-policy.ts';

/**
 * Group relative policy optimisation: the advantage of a completion is how much better it is than the others of its prompt,
 *
 *   A = (r - mean) / (sd + 1e-4)           mean and sd (Bessel-corrected) over the group
 *   A = r - mean                           without scaling
 *
 * the same for all of its tokens. With rho_t = exp(logp_t - logp_old_t), each token has the loss
 *
 *   l_t = max(-A rho_t, -A clip(rho_t, 1 - low, 1 + high)) + beta (q_t/p_t - 1 + log p_t/q_t)
 *
 * whose last term is k3, an estimate of the KL to the reference q. Losses of the B completions of a mini-batch, n_b tokens
 * each, are put together as
 *
 *   grpo      1/B sum_b 1/n_b sum_t l_t            every completion counts the same
 *   dapo      1/(sum_b n_b) sum_b sum_t l_t        every token counts the same
 *   dr-grpo   1/(B L) sum_b sum_t l_t              L: the most tokens that a completion may have
 *
 * Sources: Shao et al., "DeepSeekMath" (arXiv 2402.03300), section 4.1 and eq. 3, 4; Yu et al., "DAPO" (arXiv 2503.14476);
 * Liu et al., "Understanding R1-Zero-Like Training" (arXiv 2503.20783): `dr-grpo` without scaling is Dr. GRPO. As in TRL 1.16,
 * `GRPOTrainer`; there the defaults are group 8, beta 0, low 0.2, scaling by group and dapo over the whole batch.
 */
export interface GrpoSettings extends GroupSettings {
  scaleRewards: 'group' | 'none';
  lossType: 'grpo' | 'dapo' | 'dr-grpo';
}

/**
 * beta: at the 0.04 of DeepSeekMath the same model was 41 nats a completion away after 64 steps, with its replies repeating each
 * other; at 0.2 it was 9 away, with most of what PPO gains.
 */
export const GRPO_DEFAULTS: GrpoSettings = {
  ...GROUP_DEFAULTS,
  beta: 0.2,
  scaleRewards: 'group',
  lossType: 'dapo',
};

export const grpoTrainer = (parts: OnPolicyParts<GrpoSettings>): GroupTrainer<GrpoSettings> =>
  new GroupTrainer<GrpoSettings>(parts, {
    name: 'rlhf.grpo',
    title: 'GRPO',
    advantages: (rewards, _records, settings) => grpoAdvantages(rewards, settings),
    loss: grpoLoss,
  });

export function grpoAdvantages(
  rewards: readonly number[],
  { group, scaleRewards }: Pick<GrpoSettings, 'group' | 'scaleRewards'>,
): number[] {
  return groupsOf(rewards, group).flatMap((values) => {
    const centre = mean(values);
    const scale = scaleRewards === 'group' ? Math.sqrt(variance(values)) + 1e-4 : 1;
    return values.map((value) => (value - centre) / scale);
  });
}

export function grpoLoss(
  { lengths, advantages, logProbs, oldLogProbs, referenceLogProbs }: GroupLossInputs,
  settings: Pick<GrpoSettings, 'beta' | 'clipRange' | 'clipRangeHigh' | 'lossType' | 'completionTokens'>,
): GroupLoss {
  const n = logProbs.length;
  const gradients = { logProbs: new Float32Array(n) };
  const weightOf = tokenWeight(lengths, n, settings);
  const sum = { policy: 0, kl: 0, ratio: 0, square: 0, change: 0, clipped: 0 };
  let at = 0;
  for (const [b, length] of lengths.entries()) {
    const advantage = advantages[b] as number;
    const weight = weightOf(length);
    for (let t = 0; t < length; t++, at++) {
      const now = logProbs[at] as number;
      const reference = referenceLogProbs[at] as number;
      const change = now - (oldLogProbs[at] as number);
      const ratio = Math.exp(change);
      const { loss, slope, clipped } = clippedGain(ratio, advantage, settings);
      // Not computed without a weight: where it is infinite, 0 times it would be no number.
      const kl = settings.beta > 0 ? sampledKl('k3', now, reference) : 0;
      const klSlope = settings.beta > 0 ? -Math.expm1(reference - now) : 0;
      gradients.logProbs[at] = weight * (slope + settings.beta * klSlope);
      sum.policy += weight * loss;
      sum.kl += weight * kl;
      sum.ratio += ratio;
      sum.square += change * change;
      sum.change -= change;
      sum.clipped += Number(clipped);
    }
  }
  return {
    policyLoss: sum.policy,
    totalLoss: sum.policy + settings.beta * sum.kl,
    gradients,
    stats: {
      ratio: sum.ratio / n,
      approxKl: (0.5 * sum.square) / n,
      policyKl: sum.change / n,
      clipFraction: sum.clipped / n,
    },
  };
}

/** How much a token counts, by the length of its completion. */
function tokenWeight(
  { length: rows }: readonly number[],
  tokens: number,
  { lossType, completionTokens }: Pick<GrpoSettings, 'lossType' | 'completionTokens'>,
): (length: number) => number {
  switch (lossType) {
    case 'grpo':
      return (length) => 1 / (rows * length);
    case 'dapo':
      return () => 1 / tokens;
    case 'dr-grpo':
      return () => 1 / (rows * completionTokens[1]);
  }
}
