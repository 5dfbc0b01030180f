import { afterAll, expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { implicitReward } from '../../../ml/rewards/implicit.ts';
import { TEXTS, tinyModel, tokenizer } from '../rlhf/tiny.ts';

const models = { policy: tinyModel(1), reference: tinyModel(2) };
const tf = tensorflow();
afterAll(() => {
  for (const model of Object.values(models)) model.dispose();
});

/** One token at a time, with the whole text before it. */
function logProb(model: LanguageModel, prompt: string, completion: string): number {
  const given = prompt === '' ? [tokenizer.bosId ?? tokenizer.eosId ?? 0] : tokenizer.encode(prompt);
  const ids = [...given, ...tokenizer.encode(completion)];
  let sum = 0;
  for (let t = given.length; t < ids.length; t++) {
    const before = ids.slice(0, t);
    tf.tidy(() => {
      const logits = model
        .unembed(model.forward(tf.tensor2d([before], undefined, 'int32')))
        .reshape([-1, model.vocabulary]);
      sum += tf.logSoftmax(logits).dataSync()[logits.size - model.vocabulary + ids[t]!]!;
    });
  }
  return sum;
}

test('beta times the log-ratio of the completion, whatever is scored beside it', async () => {
  const reward = implicitReward({ ...models, tokenizer, beta: 0.3 });
  const texts = [
    ...TEXTS.slice(0, 5).map((text, i) => {
      const words = text.split(' ');
      return { prompt: words.slice(0, 1 + i).join(' '), completion: ` ${words.slice(1 + i).join(' ')}` };
    }),
    { prompt: '', completion: 'the film' },
    { prompt: 'the film', completion: '' },
  ];
  const scores = await reward.score(texts);
  for (const [i, { prompt, completion }] of texts.entries()) {
    const [tuned, before] = [models.policy, models.reference].map((model) =>
      logProb(model, prompt, completion),
    );
    expect(scores[i], `${prompt}|${completion}`).toBeCloseTo(0.3 * (tuned! - before!), 4);
  }
  expect(scores.slice(0, 5).every((score) => Math.abs(score) > 1e-3)).toBe(true);
});

test('a model beside itself earns nothing', async () => {
  const reward = implicitReward({ policy: models.policy, reference: models.policy, tokenizer, beta: 1 });
  expect(await reward.score([{ prompt: 'the', completion: ' film was good' }])).toEqual([0]);
});

test('of a text that is too long the prompt is cut; a completion that does not fit is an error', async () => {
  const reward = implicitReward({ ...models, tokenizer, beta: 1 });
  const prompt = 'the film was good and '.repeat(12);
  const [cut, short] = await reward.score([
    { prompt, completion: 'bad' },
    { prompt: prompt.split(' ').slice(-32).join(' '), completion: 'bad' },
  ]);
  expect(cut).toBeCloseTo(short!, 5);
  expect(() => reward.score([{ prompt: 'the', completion: ` ${prompt}` }])).toThrow(
    'A completion has 60 tokens, but the models have 32 positions',
  );
});

test('scoring leaves no tensors behind', async () => {
  const reward = implicitReward({ ...models, tokenizer, beta: 1 });
  const score = () => reward.score([{ prompt: 'the', completion: ' film was good' }]);
  await score();
  const { numTensors } = tf.memory();
  await score();
  expect(tf.memory().numTensors).toBe(numTensors);
});
