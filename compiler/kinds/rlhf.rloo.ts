import { feedbackDollars } from '../feedback-cost.ts';
import { ON_POLICY_METRICS } from '../on-policy-metrics.ts';
import { STATE_OUTPUT, STATE_WITH } from '../training-state.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'rlhf.rloo',
  version: 1,
  title: 'Tune a model to please a reward with RLOO',
  stage: 'fine-tune',
  seeding: 'per-seed',
  primary: 'model',
  outputs: {
    model: { type: 'artifact', artifact: 'model' },
    history: { type: 'artifact', artifact: 'table' },
    adapter: { type: 'artifact', artifact: 'adapter' },
    alarms: { type: 'artifact', artifact: 'table' },
    ...STATE_OUTPUT,
  },
  outputsWith: { adapter: 'lora', ...STATE_WITH },
  lengthParameters: ['steps'],
  metrics: ON_POLICY_METRICS,
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  segment: { units: 200 },
  estimate(params) {
    const steps = Number(params.steps ?? 390);
    const rows = Number(params.batch ?? 64);
    const passes = Number(params.epochs ?? 1);
    return {
      steps,
      seconds: 5 + steps * rows * (0.006 + 0.003 * passes),
      memoryBytes: 1.5e9,
      dollars: feedbackDollars(params.reward, steps * rows),
    };
  },
};
