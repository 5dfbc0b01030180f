import { mean, variance } from './moments.ts';

/**
 * The clipped losses of PPO over N response tokens, with rho = exp(logp - logp_old):
 *
 *   policy   mean max(-A rho, -A clip(rho, 1 - c, 1 + c))
 *   value    1/2 mean max((v - R)^2, (clip(v, v_old - c_v, v_old + c_v) - R)^2)
 *   total    policy + w value
 *
 * When the mean of rho passes `ratioThreshold`, loss and gradients are zero for this minibatch (the optimiser still steps).
 * Source: Schulman et al., "Proximal Policy Optimization Algorithms" (arXiv 1707.06347), eq. 7, as in TRL 0.7.11,
 * `PPOTrainer.loss`. Defaults of TRL: c 0.2, c_v 0.2, w 0.1, threshold 10.
 *
 * The gradients in logp and v are returned too: the models only have to carry them on.
 */
export interface PpoLossOptions {
  clipRange: number;
  valueClipRange: number;
  valueCoefficient: number;
  ratioThreshold: number;
}

/** One number for each response token, in any order. */
export interface PpoLossInputs {
  logProbs: ArrayLike<number>;
  oldLogProbs: ArrayLike<number>;
  values: ArrayLike<number>;
  oldValues: ArrayLike<number>;
  advantages: ArrayLike<number>;
  returns: ArrayLike<number>;
}

export interface PpoLoss {
  policyLoss: number;
  /** Not yet multiplied by its coefficient. */
  valueLoss: number;
  totalLoss: number;
  /** d totalLoss / d logProbs and d values. */
  gradients: { logProbs: Float32Array; values: Float32Array };
  stats: PpoLossStats;
}

export interface PpoLossStats {
  /** Mean of rho. */
  ratio: number;
  /** 1/2 mean (logp - logp_old)^2. */
  approxKl: number;
  /** mean (logp_old - logp): what the KL early stop watches. */
  policyKl: number;
  clipFraction: number;
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
  const { clipRange, valueClipRange, valueCoefficient, ratioThreshold } = options;
  const n = inputs.logProbs.length;
  const gradients = { logProbs: new Float32Array(n), values: new Float32Array(n) };
  const sum = { policy: 0, value: 0, ratio: 0, square: 0, change: 0, clipped: 0, valueClipped: 0, error: 0 };
  for (let i = 0; i < n; i++) {
    const advantage = inputs.advantages[i] as number;
    const change = (inputs.logProbs[i] as number) - (inputs.oldLogProbs[i] as number);
    const ratio = Math.exp(change);
    const free = -advantage * ratio;
    const held = -advantage * clip(ratio, 1 - clipRange, 1 + clipRange);
    sum.policy += Math.max(free, held);
    if (held > free) sum.clipped++;
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
    if (heldError > freeError) sum.valueClipped++;
    else gradients.values[i] = (valueCoefficient * (value - goal)) / n;
    sum.error += freeError;
  }
  const guarded = sum.ratio / n > ratioThreshold;
  if (guarded) {
    gradients.logProbs.fill(0);
    gradients.values.fill(0);
  }
  const policyLoss = guarded ? 0 : sum.policy / n;
  const valueLoss = guarded ? 0 : (0.5 * sum.value) / n;
  return {
    policyLoss,
    valueLoss,
    totalLoss: policyLoss + valueCoefficient * valueLoss,
    gradients,
    stats: {
      ratio: sum.ratio / n,
      approxKl: (0.5 * sum.square) / n,
      policyKl: sum.change / n,
      clipFraction: sum.clipped / n,
      valueClipFraction: sum.valueClipped / n,
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
