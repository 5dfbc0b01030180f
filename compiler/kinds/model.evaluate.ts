import { feedbackCost } from '../feedback-cost.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'model.evaluate',
  version: 2,
  title: 'Compare the tuned model with its base on held-out prompts',
  stage: 'fine-tune',
  seeding: 'per-seed',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
    before: { type: 'any' },
    after: { type: 'any' },
  },
  metrics: {
    reward_before: 'Mean reward of completions sampled from the base model, held-out prompts.',
    reward_after: 'Mean reward of completions sampled from the tuned model, the same prompts.',
    reward_gain: 'reward_after − reward_before, paired by prompt.',
    kl: 'KL(tuned ‖ base) in nats a completion: the exact KL of the next-token distributions, summed along completions of the tuned model.',
    length_before: 'Mean tokens of a completion of the base model, with its end-of-text token.',
    length_after: 'Mean tokens of a completion of the tuned model.',
    distinct2_before:
      'Different word pairs over all word pairs in the completions of the base model, all prompts together.',
    distinct2_after: 'The same for the tuned model: a fall says that it repeats itself.',
    perplexity_before:
      'exp of the mean loss of the base model on the texts behind the prompts, the same share of each text.',
    perplexity_after: 'The same for the tuned model.',
    perplexity_drift:
      'Mean loss of the tuned model minus that of the base, in nats a token, paired by text: what tuning cost in predicting what people write.',
    pair_accuracy:
      'Share of the pairs that were kept from tuning whose chosen side gained more log-probability by tuning than the rejected one; ties count half.',
    pair_accuracy_base:
      'Share of the same pairs whose chosen side is the likelier one under the base model: the control.',
    pair_margin:
      'Mean of log p(chosen)/q(chosen) − log p(rejected)/q(rejected), tuned model p, base q, in nats.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const rows = Number(params.count ?? 256) * Number(params.samples ?? 1);
    return {
      steps: rows,
      seconds: 3 + rows * 0.02,
      memoryBytes: 1.2e9,
      ...feedbackCost(params.reward, 2 * rows),
    };
  },
};
