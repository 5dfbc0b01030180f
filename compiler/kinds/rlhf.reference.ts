import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'rlhf.reference',
  version: 1,
  title: 'Log-probabilities of pairs under a reference model',
  stage: 'fine-tune',
  seeding: 'none',
  primary: 'log_probs',
  outputs: { log_probs: { type: 'artifact', artifact: 'log-probs' } },
  metrics: {
    pairs: 'Pairs measured.',
    log_prob_chosen: 'Mean log-probability of a preferred completion, in nats.',
    log_prob_rejected: 'Mean log-probability of a rejected completion, in nats.',
    likelihood_accuracy: 'Share of pairs whose preferred completion is the more probable one.',
    tokens_chosen: 'Mean tokens of a preferred completion.',
    tokens_rejected: 'Mean tokens of a rejected completion.',
    cut_prompts: 'Pairs whose prompt was cut.',
    cut_completions: 'Pairs of which a completion was cut.',
    same: 'Pairs left out because both sides are the same tokens once cut.',
  },
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  segment: { units: 2000 },
  estimate(params) {
    const batch = Number(params.batch ?? 8);
    const tokens = batch * 2 * Number(params['max-length'] ?? 256);
    return { steps: 1000, seconds: 5 + 1000 * tokens * 2e-4, memoryBytes: 1.5e9, dollars: 0 };
  },
};
