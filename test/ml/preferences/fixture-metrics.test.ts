import type * as TF from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { measureSequences } from '../../../ml/preferences/held-out.ts';
import { heldOutMetrics } from '../../../ml/preferences/held-out-metrics.ts';
import { completionLength, type TokenSequence } from '../../../ml/preferences/token-pairs.ts';
import { stream } from '../../../ml/random/stream.ts';
import { referenceMaths } from '../rlhf/reference-maths.ts';

const tf = tensorflow();
const { inputs, cases } = referenceMaths<{
  inputs: {
    input_ids: number[][];
    completion_mask: number[][];
    policy_logits: number[][][];
    ref_chosen_logps: number[];
    ref_rejected_logps: number[];
    policy_chosen_logps: number[];
    policy_rejected_logps: number[];
    beta: number;
  };
  cases: Record<string, { loss: number; metrics: Record<string, number> }>;
}>('dpo_trl');

const sequences = inputs.input_ids.map((ids, row): TokenSequence => {
  const mask = inputs.completion_mask[row]!;
  return { ids: Int32Array.from(ids.slice(0, mask.lastIndexOf(1) + 1)), promptLength: mask.indexOf(1) };
});
const vocabulary = inputs.policy_logits[0]![0]!.length;
const unembedding = tf.eye(vocabulary);

/** Its hidden states are the fixture's logits, its unembedding the identity. */
const model = {
  width: vocabulary,
  vocabulary,
  unembedding,
  forward(ids_BT: TF.Tensor2D) {
    const rows = ids_BT.arraySync().map((ids) => {
      const row = sequences.findIndex((sequence) => sequence.ids.every((id, t) => ids[t] === id));
      return inputs.policy_logits[row]!.slice(0, ids.length);
    });
    return tf.tensor3d(rows);
  },
} as unknown as LanguageModel;

test('what TRL logs of a batch from its logits', () => {
  const sums = measureSequences(model, sequences, 0);
  const pairs = [0, 1, 2].map((i) => ({ chosen: sequences[i]!, rejected: sequences[i + 3]! }));
  const logps = [...inputs.policy_chosen_logps, ...inputs.policy_rejected_logps];
  for (const [i, { logProb }] of sums.entries()) expect(Math.abs(logProb / logps[i]! - 1)).toBeLessThan(1e-5);
  const metrics = heldOutMetrics(
    pairs,
    { chosen: sums.slice(0, 3), rejected: sums.slice(3) },
    {
      chosen: Float32Array.from(inputs.ref_chosen_logps),
      rejected: Float32Array.from(inputs.ref_rejected_logps),
    },
    {
      loss: 'sigmoid',
      beta: inputs.beta,
      labelSmoothing: 0,
      discopopTau: 0.05,
      divergence: { type: 'reverse-kl' },
    },
    stream(0, 'intervals'),
  );
  const { loss, metrics: theirs } = cases.sigmoid!;
  const close = (ours: { value: number }, value: number) =>
    expect(Math.abs(ours.value - value)).toBeLessThan(1e-5);
  close(metrics.loss, loss);
  close(metrics.accuracy, theirs['rewards/accuracies']!);
  close(metrics.margin, theirs['rewards/margins']!);
  close(metrics.log_prob_chosen, theirs['logps/chosen']!);
  close(metrics.log_prob_rejected, theirs['logps/rejected']!);
  close(metrics.entropy, theirs.entropy!);
  close(metrics.token_accuracy, theirs.mean_token_accuracy!);
  close(metrics.logit_chosen, theirs['logits/chosen']!);
  close(metrics.logit_rejected, theirs['logits/rejected']!);
  expect(metrics.entropy.n).toBe(sequences.reduce((sum, sequence) => sum + completionLength(sequence), 0));
  // TRL counts the attention mask, which in the fixture covers all 42 places; here padding does not count.
  expect(metrics.tokens.value * 3).toBe(sequences.reduce((sum, { ids }) => sum + ids.length, 0));
});
