import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { windowLosses } from '../../../ml/language-modelling/loss.ts';
import { LanguageModelTrainer, type TrainerState } from '../../../ml/language-modelling/trainer.ts';
import { packWindows, WindowOrder } from '../../../ml/language-modelling/windows.ts';
import { gptNeoXConfig } from '../../../ml/models/gpt-neox-config.ts';
import { createModel } from '../../../ml/models/initialise.ts';
import { parameterValues } from '../../../ml/models/save.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { cosineSchedule } from '../../../ml/optimisers/schedules/cosine.ts';
import { stream } from '../../../ml/random/stream.ts';

const config = gptNeoXConfig({
  layers: 2,
  width: 32,
  heads: 4,
  mlpWidth: 64,
  vocabulary: 20,
  maxPositions: 32,
  rotaryFraction: 0.5,
  parallelResidual: true,
  tied: false,
  bosId: 0,
  eosId: 0,
});

/** Each document counts up from a random start: after a few steps the next token is known. */
const draws = stream(0, 'documents');
const documents = Array.from({ length: 60 }, () => {
  const start = 1 + draws.integer(19);
  return Array.from({ length: 15 }, (_, i) => 1 + ((start + i) % 19));
});
const windows = packWindows(documents, 16, 0);

const create = (): { model: LanguageModel; trainer: LanguageModelTrainer } => {
  const model = createModel(config, (name) => stream(1, name));
  const trainer = new LanguageModelTrainer(model, {
    windows,
    order: new WindowOrder(windows.count, 8, 4, 'language modelling'),
    microBatch: 8,
    learningRate: 3e-3,
    schedule: cosineSchedule({ total: 20, warmup: 2 }),
    weightDecay: 0.01,
    beta2: 0.95,
    maxGradientNorm: 1,
  });
  return { model, trainer };
};

const bytes = (model: LanguageModel) =>
  Object.entries(parameterValues(model)).map(([name, { data }]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ]);

test('a model learns: the loss falls far below that of guessing, on windows it has not seen as well', () => {
  const { model, trainer } = create();
  const unseen = packWindows(
    documents.map((ids) => ids.slice(3)),
    12,
    0,
  );
  const mean = (values: Float64Array) => values.reduce((a, b) => a + b) / values.length;
  const before = mean(windowLosses(model, unseen, 7));
  expect(Math.abs(before - Math.log(20))).toBeLessThan(0.1);
  let last = 0;
  for (let i = 0; i < 60; i++) last = trainer.step(i % 20).train_loss;
  expect(last).toBeLessThan(1.2);
  expect(mean(windowLosses(model, unseen, 7))).toBeLessThan(1.5);
});

test('20 steps, and 10 steps saved, loaded into a fresh model and 10 more, end with the same bytes', () => {
  const straight = create();
  for (let i = 0; i < 20; i++) straight.trainer.step(i);
  const first = create();
  for (let i = 0; i < 10; i++) first.trainer.step(i);
  const state = first.trainer.save();
  const stored: TrainerState = {
    tensors: structuredClone(state.tensors),
    json: JSON.parse(JSON.stringify(state.json)),
  };
  const second = create();
  second.trainer.load(stored);
  // Going on with the first must not touch what was saved.
  for (let i = 10; i < 20; i++) first.trainer.step(i);
  for (let i = 10; i < 20; i++) second.trainer.step(i);
  expect(bytes(second.model)).toEqual(bytes(straight.model));
  expect(bytes(first.model)).toEqual(bytes(straight.model));
});

test('a loss that is not finite stops training and says at which step and what to change', () => {
  const { model, trainer } = create();
  trainer.step(0);
  const weight = model.parameters.get('embed_out.weight');
  tensorflow().tidy(() => weight?.assign(weight.mul(Number.NaN)));
  expect(() => trainer.step(1)).toThrow('diverged at step 1');
});

test('windows hold every token but the first exactly once as a prediction', () => {
  const small = packWindows(
    [
      [1, 2, 3],
      [4, 5, 6, 7],
    ],
    4,
    0,
  );
  expect(small.count).toBe(2);
  expect(Array.from(small.tokens)).toEqual([1, 2, 3, 0, 4, 4, 5, 6, 7, 0]);
  expect(packWindows([[1]], 4, 0).count).toBe(0);
});

test('training steps leave no tensors behind', () => {
  const { trainer } = create();
  trainer.step(0);
  const before = tensorflow().memory().numTensors;
  for (let i = 1; i < 4; i++) trainer.step(i);
  expect(tensorflow().memory().numTensors).toBe(before);
});
