import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'rlhf.ppo',
  version: 1,
  title: 'Tune a model to please a reward with PPO',
  stage: 'fine-tune',
  seeding: 'per-seed',
  primary: 'model',
  outputs: {
    model: { type: 'artifact', artifact: 'model' },
    history: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    reward_start:
      'Mean reward of the completions sampled in the first tenth of the steps, on tuning prompts.',
    reward_end: 'The same in the last tenth of the steps.',
    kl_end:
      'Mean KL to the model at the start, in nats a completion (sum of log-ratios of sampled tokens), in the last tenth.',
    entropy_end:
      'Mean entropy of the next-token distribution at the sampled positions, in nats, in the last tenth.',
    length_end: 'Mean tokens of a completion, with its end-of-text token, in the last tenth.',
    kl_coefficient: 'Weight of the KL penalty in the last step.',
  },
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  segment: { units: 200 },
  estimate(params) {
    const steps = Number(params.steps ?? 390);
    const rows = Number(params.batch ?? 64);
    const passes = Number(params.epochs ?? (params.protocol === 'faithful' ? 4 : 2));
    return {
      steps,
      seconds: 5 + steps * rows * (0.006 + 0.003 * passes),
      memoryBytes: 1.5e9,
      dollars: 0,
    };
  },
};
