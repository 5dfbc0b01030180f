import { ON_POLICY, ON_POLICY_METRICS, onPolicyEstimate } from '../on-policy.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  ...ON_POLICY,
  name: 'rlhf.ppo',
  version: 2,
  title: 'Tune a model to please a reward with PPO',
  metrics: {
    ...ON_POLICY_METRICS,
    kl_coefficient: 'Weight of the KL penalty in the last step.',
  },
  estimate(params) {
    const passes = Number(params.epochs ?? (params.protocol === 'faithful' ? 4 : 2));
    const estimate = onPolicyEstimate(params, passes);
    // A trunk of its own for the values: a second forward and backward pass, and a third model.
    if (params['value-model'] !== 'separate') return estimate;
    return { ...estimate, seconds: 1.5 * estimate.seconds, memoryBytes: 2e9 };
  },
};
