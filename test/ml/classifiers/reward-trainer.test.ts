import { afterEach, expect, test } from 'vitest';
import { classifierFromModel } from '../../../ml/classifiers/causal-classifier.ts';
import { RewardTrainer, type RewardTrainerOptions } from '../../../ml/classifiers/reward-trainer.ts';
import { tokenPairs } from '../../../ml/classifiers/token-pairs.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { WindowOrder } from '../../../ml/language-modelling/windows.ts';
import { constantSchedule } from '../../../ml/optimisers/schedules/constant.ts';
import { stream } from '../../../ml/random/stream.ts';
import { tinyDirectories, tokenizer } from '../rlhf/tiny.ts';
import { plantedPairs } from './planted.ts';

const { model } = tinyDirectories();
const { pairs } = tokenPairs(plantedPairs(200), tokenizer, 32);
const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of made.splice(0)) thing.dispose();
});

function trainer(changes: Partial<RewardTrainerOptions> = {}, of = pairs) {
  const classifier = classifierFromModel(model, {
    ...{ labels: ['reward'], padId: tokenizer.padId },
    draws: stream(0, 'head'),
  });
  const run = new RewardTrainer(classifier, {
    ...{ pairs: of, order: new WindowOrder(of.length, 16, 0, 'test'), microBatch: 16 },
    ...{ learningRate: 1e-3, schedule: constantSchedule(), weightDecay: 0, maxGradientNorm: 1, centring: 0 },
    ...changes,
  });
  made.push(run, classifier);
  return { run, classifier };
}

const steps = (run: RewardTrainer, count: number) => Array.from({ length: count }, (_, i) => run.step(i));

test('parts of a batch add up to its gradient', () => {
  const whole = steps(trainer({ centring: 0.1 }).run, 3);
  const parts = steps(trainer({ centring: 0.1, microBatch: 5 }).run, 3);
  for (const [i, step] of whole.entries())
    for (const [name, value] of Object.entries(step))
      expect(parts[i]![name as keyof typeof step], name).toBeCloseTo(value, 4);
});

test('centring holds the mean score at 0, a margin drives the scores apart', () => {
  const shifted = (centring: number) => {
    const { run, classifier } = trainer({ centring });
    // Adds some 1.6 to every score.
    for (const [name, shift] of [
      ['gpt_neox.final_layer_norm.bias', 1],
      ['score.weight', 0.05],
    ] as const) {
      const parameter = classifier.parameters.get(name)!;
      parameter.assign(parameter.add(shift));
    }
    return steps(run, 25).at(-1)!;
  };
  expect(Math.abs(shifted(0.5).score)).toBeLessThan(0.3 * Math.abs(shifted(0).score));
  const wide = pairs.map((pair) => ({ ...pair, margin: 3 }));
  const even = pairs.map((pair) => ({ ...pair, margin: 0 }));
  const margin = (of: typeof pairs) => steps(trainer({}, of).run, 25).at(-1)!.margin;
  expect(margin(wide)).toBeGreaterThan(1.2 * margin(even));
});

test('a loss that is no number stops training before it reaches the weights, and names what to change', () => {
  const { run, classifier } = trainer({}, [{ ...pairs[0]!, margin: Number.NaN }]);
  const before = classifier.parameters.get('score.weight')!.dataSync();
  expect(() => run.step(0)).toThrow(
    expect.objectContaining({
      code: 'nan-loss',
      options: { hint: expect.stringContaining('learning-rate') },
    }),
  );
  expect(classifier.parameters.get('score.weight')!.dataSync()).toEqual(before);
});

test('a step leaves no tensors behind', () => {
  const { run } = trainer({ microBatch: 6 });
  steps(run, 2);
  const { numTensors } = tensorflow().memory();
  run.step(2);
  expect(tensorflow().memory().numTensors).toBe(numTensors);
});
