import { afterAll, expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { implicitAccuracy } from '../../../ml/preferences/implicit-accuracy.ts';
import { tokenisePairs } from '../../../ml/preferences/token-pairs.ts';
import { stream } from '../../../ml/random/stream.ts';
import { perplexityDrift } from '../../../ml/rlhf/perplexity-drift.ts';
import { TEXTS, tinyModel, tokenizer } from './tiny.ts';

const [base, other] = [tinyModel(0), tinyModel(1)];
afterAll(() => {
  base.dispose();
  other.dispose();
});

/** log p of each token after the first, one text alone, by TensorFlow.js's own softmax. */
function logProbs(model: LanguageModel, ids: readonly number[]): number[] {
  const tf = tensorflow();
  return tf.tidy(() => {
    const logits_BTV = model.unembed(model.forward(tf.tensor2d([[...ids]], undefined, 'int32')));
    const table = tf.logSoftmax(logits_BTV).squeeze([0]).arraySync() as number[][];
    return ids.slice(1).map((id, t) => table[t]![id]!);
  });
}
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

test('perplexities are those of each text alone, whatever their lengths', () => {
  const texts = ['the film was good', 'a superb plot and the actor was bad', 'it was awful'];
  const draws = stream(0, 'drift');
  const { perplexity_before, perplexity_after, perplexity_drift } = perplexityDrift(
    base,
    other,
    tokenizer,
    texts,
    { tokens: 6, draws },
  );
  const losses = [base, other].map((model) =>
    texts.map((text) => {
      // The end of a text is predicted too, unless it is cut.
      const ids = [...tokenizer.encode(text).slice(0, 7), tokenizer.eosId!].slice(0, 7);
      return -mean(logProbs(model, ids));
    }),
  );
  expect(perplexity_before.value).toBeCloseTo(Math.exp(mean(losses[0]!)), 4);
  expect(perplexity_after.value).toBeCloseTo(Math.exp(mean(losses[1]!)), 4);
  expect(perplexity_drift.value).toBeCloseTo(mean(losses[1]!) - mean(losses[0]!), 5);
});

test('a model beside itself has not drifted by a bit', () => {
  const { perplexity_drift } = perplexityDrift(base, base, tokenizer, TEXTS.slice(0, 40), {
    tokens: 5,
    draws: stream(0, 'drift'),
  });
  expect(perplexity_drift).toMatchObject({ value: 0, ci_low: 0, ci_high: 0, n: 40, n_unit: 'text' });
});

test('implicit rewards are log-ratios of completions: tuned beside base, of each pair alone', () => {
  const given = Array.from({ length: 30 }, (_, i) => ({
    prompt: 'the film was',
    chosen: ` ${TEXTS[i]}`,
    rejected: ` ${TEXTS[i + 30]!.split(' ').slice(0, 3).join(' ')}`,
  }));
  const rules = { maxTokens: 20, maxPromptTokens: 8, keep: 'end', endOfText: true } as const;
  const { pairs } = tokenisePairs(given, tokenizer, rules);
  const options = { padId: tokenizer.padId, draws: stream(0, 'pairs') };
  const expected = pairs.map(({ chosen, rejected }) => {
    const [gained, lost] = [chosen, rejected].map(({ ids, promptLength }) => {
      const [after, before] = [other, base].map((model) =>
        sum(logProbs(model, [...ids]).slice(promptLength - 1)),
      );
      return after! - before!;
    });
    return gained! - lost!;
  });
  const { pair_margin, pair_accuracy } = implicitAccuracy(other, base, pairs, options);
  expect(pair_margin.value).toBeCloseTo(mean(expected), 4);
  expect(pair_accuracy.value).toBeCloseTo(mean(expected.map((margin) => Number(margin > 0))), 9);
  expect(pair_accuracy.ci_low).toBeLessThan(pair_accuracy.value);

  const itself = implicitAccuracy(base, base, pairs, options);
  expect(itself.pair_accuracy.value).toBe(0.5);
  expect(itself.pair_margin.value).toBe(0);
});
