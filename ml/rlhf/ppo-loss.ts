import { mean, variance } from './moments.ts';
import type { PolicyLossStats } from './update-metrics.ts';

/**
 * The clipped losses of PPO over N response tokens, with rho = exp(logp - logp_old):
 *
 *   policy   mean max(-A rho, -A clip(rho, 1 - c, 1 + c))
 *   value    1/2 mean max((v - R)^2, (clip(v, v_old - c_v, v_old + c_v) - R)^2)
 *   total    policy + w value - e mean entropy
 *
 * When the mean of rho passes `ratioThreshold`, loss and gradients are zero for this minibatch (the optimiser still steps).
 * Source: Schulman et al., "Proximal Policy Optimization Algorithms" (arXiv 1707.06347), eq. 7, as in TRL 0.7.11,
 * `PPOTrainer.loss`. Defaults of TRL: c 0.2, c_v 0.2, w 0.1, threshold 10; e is 0 there (the bonus is eq. 9 of the paper).
 *
 * Dual clip, off by default: where A < 0 the policy term is at most -A d, so that a token which has become very likely cannot
 * dominate a batch. Source: Ye et al., "Mastering Complex Control in MOBA Games with Deep Reinforcement Learning" (arXiv
 * 1912.09729), eq. 5; there d is 3.
 *
 * The gradients in logp, v and the entropies are returned too: the models only have to carry them on.
 */
export interface PpoLossOptions {
  clipRange: number;
  valueClipRange: number;
  valueCoefficient: number;
  ratioThreshold: number;
  /** d, over 1; null or absent: no dual clip. */
  dualClip?: number | null;
  /** e. Default 0. */
  entropyBonus?: number;
}

/** One number for each response token, in any order. */
export interface PpoLossInputs {
  logProbs: ArrayLike<number>;
  oldLogProbs: ArrayLike<number>;
  values: ArrayLike<number>;
  oldValues: ArrayLike<number>;
  advantages: ArrayLike<number>;
  returns: ArrayLike<number>;
  /** Of the distribution that each token was drawn from, under the policy of now; only with an entropy bonus. */
  entropies?: ArrayLike<number>;
}

export interface PpoLoss {
  policyLoss: number;
  /** Not yet multiplied by its coefficient. */
  valueLoss: number;
  totalLoss: number;
  /** d totalLoss / d logProbs, d values and, for each entropy alike, d entropies. */
  gradients: { logProbs: Float32Array; values: Float32Array; entropies: number };
  stats: PpoLossStats;
}

export interface PpoLossStats extends PolicyLossStats {
  /** Share of tokens whose loss the dual clip held; not part of `clipFraction`. */
  dualClipFraction: number;
  valueClipFraction: number;
  advantageMean: number;
  returnMean: number;
  returnVariance: number;
  /** Of the values predicted now, and of those at the rollout. */
  predictionMean: number;
  predictionError: number;
  valueMean: number;
  valueVariance: number;
}

const clip = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));

export function ppoLoss(inputs: PpoLossInputs, options: PpoLossOptions): PpoLoss {
  const { clipRange, valueClipRange, valueCoefficient, ratioThreshold, dualClip, entropyBonus = 0 } = options;
  const n = inputs.logProbs.length;
  const gradients = {
    logProbs: new Float32Array(n),
    values: new Float32Array(n),
    entropies: -entropyBonus / n,
  };
  const sum = { policy: 0, value: 0, ratio: 0, square: 0, change: 0, error: 0 };
  const clipped = { policy: 0, dual: 0, value: 0 };
  for (let i = 0; i < n; i++) {
    const advantage = inputs.advantages[i] as number;
    const change = (inputs.logProbs[i] as number) - (inputs.oldLogProbs[i] as number);
    const ratio = Math.exp(change);
    const free = -advantage * ratio;
    const held = -advantage * clip(ratio, 1 - clipRange, 1 + clipRange);
    const ceiling = dualClip && advantage < 0 ? -advantage * dualClip : Number.POSITIVE_INFINITY;
    sum.policy += Math.min(Math.max(free, held), ceiling);
    if (held > free) clipped.policy++;
    else if (free > ceiling) clipped.dual++;
    else gradients.logProbs[i] = free / n;
    sum.ratio += ratio;
    sum.square += change * change;
    sum.change -= change;

    const value = inputs.values[i] as number;
    const old = inputs.oldValues[i] as number;
    const goal = inputs.returns[i] as number;
    const freeError = (value - goal) ** 2;
    const heldError = (clip(value, old - valueClipRange, old + valueClipRange) - goal) ** 2;
    sum.value += Math.max(freeError, heldError);
    if (heldError > freeError) clipped.value++;
    else gradients.values[i] = (valueCoefficient * (value - goal)) / n;
    sum.error += freeError;
  }
  const guarded = sum.ratio / n > ratioThreshold;
  if (guarded) {
    gradients.logProbs.fill(0);
    gradients.values.fill(0);
    gradients.entropies = 0;
  }
  const policyLoss = guarded ? 0 : sum.policy / n;
  const valueLoss = guarded ? 0 : (0.5 * sum.value) / n;
  const bonus = guarded || !inputs.entropies ? 0 : entropyBonus * mean(inputs.entropies);
  return {
    policyLoss,
    valueLoss,
    totalLoss: policyLoss + valueCoefficient * valueLoss - bonus,
    gradients,
    stats: {
      ratio: sum.ratio / n,
      approxKl: (0.5 * sum.square) / n,
      policyKl: sum.change / n,
      clipFraction: clipped.policy / n,
      dualClipFraction: clipped.dual / n,
      valueClipFraction: clipped.value / n,
      advantageMean: mean(inputs.advantages),
      returnMean: mean(inputs.returns),
      returnVariance: variance(inputs.returns),
      predictionMean: mean(inputs.values),
      predictionError: sum.error / n,
      valueMean: mean(inputs.oldValues),
      valueVariance: variance(inputs.oldValues),
    },
  };
}
