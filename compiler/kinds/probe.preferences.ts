import type { KindDefinition } from './types.ts';

const TAU =
  'Kendall’s tau between the implicit reward of the tuned model, log π tuned − log π base, chosen minus rejected with the order drawn at random, and what a ridge regression reads of it on prompts that it has not seen; interval: bootstrap over prompts';
const PUBLISHED =
  'Accuracy of the published classifier (logistic, C 1) at telling preferred from rejected responses, a fifth of the responses kept back; Wilson';

export const kind: KindDefinition = {
  name: 'probe.preferences',
  version: 1,
  title: 'Read what tuning taught the model to prefer',
  stage: 'probes',
  seeding: 'per-seed',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
    published: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    tau_gap: `${TAU}: from activations of the tuned model minus from those of the model before tuning; p of permutations, adjusted (Holm) over the controls.`,
    tau_tuned: `${TAU}: from activations of the tuned model.`,
    tau_base: `${TAU}: from activations of the model before tuning (control).`,
    tau_random: `${TAU}: from activations of a randomly initialised model (control).`,
    tau_length: `${TAU}: from the lengths of the responses (control).`,
    tau_tf_idf: `${TAU}: from their words, by TF-IDF (control).`,
    agrees:
      'Share of pairs in which what is read of the tuned model’s activations prefers the same response as its implicit reward.',
    prefers_chosen: 'Share of pairs in which the same prefers the response that the feedback preferred.',
    prefers_chosen_implicit:
      'Share of pairs in which the implicit reward itself is higher for the response that the feedback preferred.',
    accuracy_published: `${PUBLISHED}, of the tuned model, pooled over response tokens.`,
    accuracy_by_prompt: 'The same with all responses to a prompt on one side.',
    accuracy_by_prompt_base: 'The same, of the model before tuning (control).',
    accuracy_pad_mean: `${PUBLISHED}, of means over padding too.`,
    accuracy_max_tokens_16: `${PUBLISHED}, of rejected responses that end after 16 tokens.`,
    accuracy_base_model: `${PUBLISHED}, of the model before tuning.`,
    accuracy_all_mistakes: `${PUBLISHED}, with all of these.`,
    pairs: 'Pairs read.',
    prompts: 'Different prompts among them.',
  },
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 900,
  estimate({ count, 'max-length': length }) {
    const pairs = Number(count ?? 1000);
    const tokens = 2 * pairs * Number(length ?? 256);
    return { steps: pairs, seconds: 30 + tokens * 7 * 1e-4, memoryBytes: 2e9, dollars: 0 };
  },
};
