import { STATE_OUTPUT, STATE_WITH } from '../training-state.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'reward.train',
  version: 1,
  title: 'Train a reward model on preferences',
  stage: 'fine-tune',
  seeding: 'per-seed',
  primary: 'classifier',
  outputs: {
    classifier: { type: 'artifact', artifact: 'classifier' },
    history: { type: 'artifact', artifact: 'table' },
    adapter: { type: 'artifact', artifact: 'adapter' },
    calibration: { type: 'artifact', artifact: 'table' },
    ...STATE_OUTPUT,
  },
  outputsWith: { adapter: 'lora', calibration: 'held-out', ...STATE_WITH },
  lengthParameters: ['steps', 'epochs'],
  metrics: {
    held_out_accuracy:
      'Share of held-out pairs whose chosen text scores higher than the rejected one (a tie is a miss); chance is 0.5. Interval over pairs, as if they were independent.',
    held_out_margin: 'Mean score of the chosen text minus that of the rejected one, over held-out pairs.',
    held_out_loss: 'Mean of -log sigmoid of that difference, in nats; log 2 = 0.693 is guessing.',
    calibration_error:
      'Expected calibration error of sigmoid(|difference|) as the probability that the higher score is right: over ten bins of held-out pairs. Small samples raise it.',
    held_out_seen: 'Held-out pairs that are also among those trained on: should be 0.',
    train_loss: 'Mean loss of the training batches in the last tenth of the steps, each before its update.',
    train_accuracy: 'Share of pairs told right in the same batches.',
    pairs: 'Pairs trained on.',
    cut_texts: 'Share of training texts whose beginning was cut off, being longer than `max-length`.',
    left_out_pairs: 'Training pairs left out since both texts read the same to the model.',
    epochs: 'How often each training pair was seen.',
    parameters: 'Numbers in the weights.',
  },
  queue: 'gpu',
  retry: { attempts: 6, backoffSeconds: 10 },
  timeoutSeconds: 24 * 3600,
  stallSeconds: 600,
  segment: { units: 1000 },
  estimate(params) {
    const batch = Number(params.batch ?? 32);
    // How many pairs there are is not known here: some ten thousand.
    const steps = Number(params.steps ?? Math.ceil((10_000 * Number(params.epochs ?? 1)) / batch));
    const tokens = Number(params['max-length'] ?? 256);
    const atOnce = Math.min(batch, Number(params['micro-batch'] ?? batch));
    return {
      steps,
      // A pair is two texts; some 2e-4 seconds a token of a model of two million numbers.
      seconds: 10 + steps * (0.03 + 2 * batch * tokens * 2e-4),
      memoryBytes: 6e8 + atOnce * 2 * tokens * 1e5,
      dollars: 0,
    };
  },
};
