import { ON_POLICY, ON_POLICY_METRICS, onPolicyEstimate } from '../on-policy.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  ...ON_POLICY,
  name: 'rlhf.grpo',
  version: 1,
  title: 'Tune a model to please a reward with GRPO',
  metrics: ON_POLICY_METRICS,
  estimate: (params) => onPolicyEstimate(params, Number(params.epochs ?? 2)),
};
