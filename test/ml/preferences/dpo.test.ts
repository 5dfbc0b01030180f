import { afterEach, expect, test, vi } from 'vitest';
import { dataOf } from '../../../ml/engine/data-of.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { DpoTrainer } from '../../../ml/preferences/dpo.ts';
import type { DpoLossName } from '../../../ml/preferences/dpo-losses/dpo-losses.ts';
import type { DpoSettings } from '../../../ml/preferences/dpo-settings.ts';
import { measureStart } from '../../../ml/preferences/dpo-start.ts';
import { dpoGradients } from '../../../ml/preferences/dpo-update.ts';
import { measurePairs } from '../../../ml/preferences/held-out.ts';
import { heldOutMetrics } from '../../../ml/preferences/held-out-metrics.ts';
import { sequenceLogProbs } from '../../../ml/preferences/log-probs.ts';
import { type TokenPair, tokenisePairs } from '../../../ml/preferences/token-pairs.ts';
import { stream } from '../../../ml/random/stream.ts';
import { tinyModel, tokenizer } from '../rlhf/tiny.ts';
import { plantedPairs } from './planted.ts';

vi.setConfig({ testTimeout: 120_000 });
const tf = tensorflow();
const { padId } = tokenizer;
const rules = { maxTokens: 16, maxPromptTokens: 8, keep: 'end', endOfText: true } as const;
const tokens = (count: number, seed: number) =>
  tokenisePairs(plantedPairs(count, seed), tokenizer, rules).pairs;
const settings: DpoSettings = {
  loss: 'sigmoid',
  beta: 0.1,
  labelSmoothing: 0,
  discopopTau: 0.05,
  divergence: { type: 'reverse-kl' },
  batch: 8,
  microBatch: 8,
  learningRate: 2e-3,
  warmUp: 2,
  schedule: 'linear',
  weightDecay: 0,
  maxGradientNorm: 1,
};

const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of made.splice(0)) thing.dispose();
});
const keep = <T extends { dispose(): void }>(thing: T): T => {
  made.push(thing);
  return thing;
};

/** Log-probabilities one sequence and one position at a time: nothing of padding or of neighbours is in the numbers. */
const slowLogProb = (model: ReturnType<typeof tinyModel>, { ids, promptLength }: TokenPair['chosen']) => {
  let sum = 0;
  for (let t = promptLength; t < ids.length; t++) {
    const logp = dataOf(() => {
      const hidden_BTD = model.forward(tf.tensor2d([...ids.subarray(0, t)], [1, t], 'int32'));
      return tf.logSoftmax(model.unembed(hidden_BTD)).slice([0, t - 1, 0], [1, 1, -1]);
    });
    sum += logp[ids[t]!]!;
  }
  return sum;
};

test('summed log-probabilities are those of each completion alone', () => {
  const model = keep(tinyModel());
  const sequences = tokens(9, 3).flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const sums = sequenceLogProbs(model, sequences, padId);
  for (const [i, sequence] of sequences.entries())
    expect(sums[i]).toBeCloseTo(slowLogProb(model, sequence), 4);
});

const losses: DpoLossName[] = ['sigmoid', 'ipo', 'sft', 'aot', 'apo-down'];

test.each(losses)(
  'gradients of %s reach every parameter and predict how the loss changes along them',
  (loss) => {
    const policy = keep(tinyModel());
    const other = keep(tinyModel(1));
    const pairs = tokens(6, 1);
    const reference = {
      chosen: Float32Array.from(
        sequenceLogProbs(
          other,
          pairs.map((pair) => pair.chosen),
          padId,
        ),
      ),
      rejected: Float32Array.from(
        sequenceLogProbs(
          other,
          pairs.map((pair) => pair.rejected),
          padId,
        ),
      ),
    };
    const options = { ...settings, loss, beta: 0.5 };
    const learner = { policy, differentiated: policy.parameters, padId };
    const run = (microBatch: number) => dpoGradients({ ...learner, microBatch }, pairs, reference, options);
    const whole = run(6);
    const parts = run(4);
    expect(parts.loss.loss).toBeCloseTo(whole.loss.loss, 5);
    expect([...whole.gradients.keys()].sort()).toEqual([...policy.parameters.keys()].sort());
    for (const [name, gradient] of whole.gradients) {
      const largest = gradient.abs().max().dataSync()[0]!;
      expect(largest, name).toBeGreaterThan(0);
      expect(
        gradient.sub(parts.gradients.get(name)!).abs().max().dataSync()[0]! / largest,
        name,
      ).toBeLessThan(1e-3);
    }
    const squares = [...whole.gradients.values()].reduce(
      (sum, gradient) => sum + gradient.square().sum().dataSync()[0]!,
      0,
    );
    const lossAt = (shift: number) => {
      const move = (by: number) => {
        for (const [name, parameter] of policy.parameters)
          parameter.assign(parameter.add(whole.gradients.get(name)!.mul(by)));
      };
      move(shift);
      const { loss: moved } = run(6);
      move(-shift);
      return moved.loss;
    };
    const h = 1e-2 / Math.sqrt(squares);
    expect((lossAt(h) - lossAt(-h)) / (2 * h) / squares).toBeCloseTo(1, 1);
  },
);

function tune(changes: Partial<DpoSettings>, steps: number) {
  const policy = keep(tinyModel());
  const pairs = tokens(120, 0);
  const heldOut = tokens(60, 1);
  const all = { ...settings, ...changes };
  const draws = () => stream(0, 'intervals');
  const start = measureStart({
    ...{ policy, reference: policy, pairs, heldOut, padId, settings: all, draws: draws() },
    taken: [Int32Array.from(pairs.keys())],
    stored: null,
    progress: () => undefined,
  });
  const trainer = keep(new DpoTrainer({ policy, pairs, padId, settings: all, steps, seed: 0 }));
  const history = Array.from({ length: steps }, (_, i) => trainer.step(i, start.reference));
  const { reference, before } = start.heldOut!;
  const sums = measurePairs(policy, heldOut, { padId, size: 8 });
  return { history, before, after: heldOutMetrics(heldOut, sums, reference, all, draws()) };
}

test.each(['sigmoid', 'ipo-sum', 'apo-zero'] as const)(
  'a tiny model learns a planted preference by %s, and holds to it on pairs that it never saw',
  (loss) => {
    const { history, before, after } = tune({ loss }, 40);
    expect(before.accuracy.value).toBe(0.5);
    expect(before.margin.value).toBe(0);
    expect(before.likelihood_accuracy.ci_low).toBeLessThan(0.6);
    expect(history[0]!.largest_log_ratio).toBeLessThan(1e-4);
    expect(history[0]!.learning_rate).toBe(0);
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
    expect(after.accuracy.ci_low).toBeGreaterThan(0.9);
    expect(after.margin.ci_low).toBeGreaterThan(0);
    expect(after.loss.value).toBeLessThan(before.loss.value);
  },
);

test('a step frees what it makes', () => {
  const policy = keep(tinyModel());
  const pairs = tokens(32, 0);
  const reference = {
    chosen: new Float32Array(pairs.length).fill(-5),
    rejected: new Float32Array(pairs.length).fill(-5),
  };
  const trainer = keep(
    new DpoTrainer({ policy, pairs, padId, settings: { ...settings, microBatch: 3 }, steps: 12, seed: 0 }),
  );
  const work = () => {
    for (let i = 0; i < 4; i++) trainer.step(i, reference);
    measurePairs(policy, pairs, { padId, size: 8 });
    sequenceLogProbs(
      policy,
      pairs.map(({ chosen }) => chosen),
      padId,
    );
  };
  // The engine keeps constants of the shapes that it meets for the first time.
  work();
  const before = tf.memory().numTensors;
  work();
  expect(tf.memory().numTensors).toBe(before);
});

test('a model with too few positions is refused before anything is computed', () => {
  const policy = keep(tinyModel());
  const ids = new Int32Array(40);
  const pairs = [{ chosen: { ids, promptLength: 2 }, rejected: { ids, promptLength: 2 } }];
  expect(() => new DpoTrainer({ policy, pairs, padId, settings, steps: 1, seed: 0 })).toThrow(
    'Pairs have up to 40 tokens, but the model has 32 positions',
  );
});
