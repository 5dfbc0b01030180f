import { feedbackCost } from './feedback-cost.ts';
import type { Estimate, KindDefinition } from './kinds/types.ts';
import { STATE_OUTPUT, STATE_WITH } from './training-state.ts';

/** What the kinds that tune on a policy's own completions have in common. */
export const ON_POLICY = {
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
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  segment: { units: 200 },
} satisfies Partial<KindDefinition>;

/** @param passes over each batch of completions */
export function onPolicyEstimate(
  params: Parameters<KindDefinition['estimate']>[0],
  passes: number,
): Estimate {
  const steps = Number(params.steps ?? 390);
  const rows = Number(params.batch ?? 64);
  return {
    steps,
    seconds: 5 + steps * rows * (0.006 + 0.003 * passes),
    memoryBytes: 1.5e9,
    ...feedbackCost(params.reward, steps * rows),
  };
}

/** Their metrics. */
export const ON_POLICY_METRICS = {
  reward_start: 'Mean reward of the completions sampled in the first tenth of the steps, on tuning prompts.',
  reward_end: 'The same in the last tenth of the steps.',
  kl_end:
    'Mean KL to the model at the start, in nats a completion (sum of log-ratios of sampled tokens), in the last tenth.',
  entropy_end:
    'Mean entropy of the next-token distribution at the sampled positions, in nats, in the last tenth.',
  length_end: 'Mean tokens of a completion, with its end-of-text token, in the last tenth.',
  alarms: 'Signs that tuning went wrong, each counted when it began: see the output of that name.',
};
