import { STATE_OUTPUT, STATE_WITH } from '../training-state.ts';
import type { KindDefinition } from './types.ts';

const HELD_OUT = {
  loss: 'The loss on held-out pairs',
  accuracy:
    'Share of held-out pairs whose preferred completion has the higher implied reward, ties counted as a half (a policy that is its own reference has 0.5); Wilson interval',
  margin: 'Mean difference of the implied rewards on held-out pairs; bootstrap interval over pairs',
  likelihood_accuracy:
    'Share of held-out pairs whose preferred completion is the more probable one, without any reference; Wilson interval',
  log_prob_chosen: 'Mean log-probability of a preferred held-out completion, in nats',
  log_prob_rejected: 'Mean log-probability of a rejected held-out completion, in nats',
  entropy: 'Mean entropy of the next-token distribution over held-out completions, in nats',
  token_accuracy: 'Share of tokens of preferred held-out completions that were the most probable ones',
  logit_chosen: 'Mean logit over the vocabulary and the tokens of preferred held-out completions',
  logit_rejected: 'Mean logit over the vocabulary and the tokens of rejected held-out completions',
  tokens: 'Mean tokens of a held-out pair: prompts and completions of both sides',
};

const heldOutMetrics = Object.fromEntries(
  Object.entries(HELD_OUT).flatMap(([name, definition]) => [
    [`held_out_${name}_before`, `${definition}, before tuning.`],
    [`held_out_${name}_after`, `${definition}, after tuning.`],
  ]),
);

export const kind: KindDefinition = {
  name: 'rlhf.dpo',
  version: 2,
  title: 'Tune a model on preferences with DPO',
  stage: 'fine-tune',
  seeding: 'per-seed',
  primary: 'model',
  outputs: {
    model: { type: 'artifact', artifact: 'model' },
    history: { type: 'artifact', artifact: 'table' },
    adapter: { type: 'artifact', artifact: 'adapter' },
    ...STATE_OUTPUT,
  },
  outputsWith: { adapter: 'lora', ...STATE_WITH },
  lengthParameters: ['steps', 'epochs'],
  metrics: {
    initial_log_ratio:
      'Largest |log p - log q| of any completion in the first step, in nats: 0 but for rounding when the model is its own reference.',
    loss_start: 'Mean loss in the first tenth of the steps, on the pairs of each step before its update.',
    loss_end: 'The same in the last tenth of the steps.',
    accuracy_end:
      'Share of pairs whose preferred completion has the higher implied reward, in the last tenth of the steps.',
    margin_end: 'Mean difference of the implied rewards, in the last tenth.',
    reward_chosen_end: 'Mean implied reward of the preferred completions, in the last tenth.',
    reward_rejected_end: 'Mean implied reward of the rejected completions, in the last tenth.',
    pairs: 'Pairs learned from.',
    passes: 'How often each of them was seen.',
    cut_prompts: 'Pairs whose prompt was cut.',
    cut_completions: 'Pairs of which a completion was cut.',
    same: 'Pairs left out because both sides are the same tokens once cut.',
    ...heldOutMetrics,
  },
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 24 * 3600,
  stallSeconds: 600,
  segment: { units: 500 },
  estimate(params) {
    const steps = Number(params.steps ?? (params.protocol === 'faithful' ? 5000 : 500));
    const batch = Number(params.batch ?? 8);
    const atOnce = Number(params['micro-batch'] ?? batch) * 2 * Number(params['max-length'] ?? 256);
    return {
      steps,
      seconds: 10 + steps * batch * 0.2,
      memoryBytes: 1.5e9 + atOnce * 1e5,
      dollars: 0,
    };
  },
};
