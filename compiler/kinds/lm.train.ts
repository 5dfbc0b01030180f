import { STATE_OUTPUT, STATE_WITH } from '../training-state.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'lm.train',
  version: 1,
  title: 'Train a language model on texts',
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
  lengthParameters: ['steps'],
  notInKey: ['recompute-activations'],
  metrics: {
    held_out_loss:
      'Mean next-token cross-entropy on held-out texts after training, in nats a token; interval over windows.',
    perplexity: 'exp(held_out_loss).',
    train_loss:
      'The same on the training batches, mean of the last tenth of the steps, each before its update.',
    parameters: 'Trained numbers.',
    vocabulary: 'Tokens of the vocabulary.',
    train_tokens: 'Tokens predicted in training, repetitions counted.',
    best_step:
      'With `evaluate-every`: the step whose weights were kept, those of the lowest held-out loss. Optimistic: that loss chose them.',
    epochs: 'How often each training text was seen.',
  },
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 24 * 3600,
  stallSeconds: 600,
  segment: { units: 2000 },
  estimate(params) {
    const steps = Number(params.steps ?? 1000);
    const tokens = Number(params.batch ?? 32) * Number(params.context ?? 128);
    const atOnce = Number(params['micro-batch'] ?? params.batch ?? 32) * Number(params.context ?? 128);
    const { layers = 6, width = 512 } = (params.architecture ?? {}) as { layers?: number; width?: number };
    const kept = params['recompute-activations'] ? 4 : 40;
    const vocabulary = Number((params.tokenizer as { size?: number } | undefined)?.size ?? 8000);
    // 12 width^2 numbers a block, two vocabulary matrices; 6 operations a number and token; 60e9 operations a second.
    const numbers = layers * 12 * width * width + 2 * vocabulary * width;
    return {
      steps,
      seconds: 10 + steps * (0.03 + (6 * numbers * tokens) / 60e9),
      // Parameters, gradients, two moments and a copy; logits and their gradient; some 40 activations a block and number,
      // or little more than its input where they are computed again.
      memoryBytes: 5e8 + 4 * (5 * numbers + atOnce * (3 * vocabulary + kept * layers * width)),
      dollars: 0,
    };
  },
};
