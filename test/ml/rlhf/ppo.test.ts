import { afterEach, expect, test, vi } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import type { Reward } from '../../../ml/rewards/types.ts';
import { complete } from '../../../ml/rlhf/complete.ts';
import { Critic } from '../../../ml/rlhf/critic.ts';
import { type PpoState, PpoTrainer } from '../../../ml/rlhf/ppo.ts';
import type { PpoMetrics } from '../../../ml/rlhf/ppo-metrics.ts';
import type { PpoSettings } from '../../../ml/rlhf/ppo-settings.ts';
import { ppoGradients } from '../../../ml/rlhf/ppo-update.ts';
import { promptsOf, tuningPrompts } from '../../../ml/rlhf/prompts.ts';
import { recordTokens } from '../../../ml/rlhf/rollout.ts';
import { reward, TEXTS, tinyModel, tinySettings, tokenizer } from './tiny.ts';

vi.setConfig({ testTimeout: 120_000 });
const tf = tensorflow();
const prompts = tuningPrompts(
  promptsOf(TEXTS, tokenizer, { tokens: [1, 3], minimumCharacters: 0 }, stream(0, 'prompts')),
);
const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of made.splice(0)) thing.dispose();
});
const keep = <T extends { dispose(): void }>(thing: T): T => {
  made.push(thing);
  return thing;
};

function trainer(
  changes: Partial<PpoSettings> = {},
  other: { reward?: Reward; seed?: number; steps?: number; valueModel?: LanguageModel } = {},
) {
  const policy = keep(tinyModel());
  const parts = { policy, reference: keep(tinyModel()), tokenizer, reward, prompts, steps: 40, seed: 0 };
  return { policy, trainer: keep(new PpoTrainer({ ...parts, settings: tinySettings(changes), ...other })) };
}

async function steps(run: PpoTrainer, from: number, to: number): Promise<PpoMetrics[]> {
  const metrics: PpoMetrics[] = [];
  for (let i = from; i < to; i++) metrics.push(await run.step(i));
  return metrics;
}

const values = (model: LanguageModel) =>
  Object.fromEntries([...model.parameters].map(([name, parameter]) => [name, [...parameter.dataSync()]]));
const average = (rows: PpoMetrics[], key: keyof PpoMetrics) =>
  rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
const constantReward = (value: number): Reward => ({
  description: 'constant',
  score: (texts) => texts.map(() => value),
});

/** Everything that is off by default. */
const EXTRAS: Partial<PpoSettings> = {
  dualClip: 3,
  entropyBonus: 0.01,
  scaleRewards: 'normalise',
  clipRewards: 2,
  missingEosPenalty: 0.1,
  klForm: 'k3',
};

test('the reward of a tiny model rises, and its KL to the start with it', async () => {
  const metrics = await steps(trainer({ learningRate: 6e-3 }).trainer, 0, 16);
  expect(metrics[0]!.kl).toBeCloseTo(0, 3);
  expect(average(metrics.slice(-5), 'reward')).toBeGreaterThan(average(metrics.slice(0, 3), 'reward') + 1);
  expect(average(metrics.slice(-5), 'kl')).toBeGreaterThan(1);
  expect(metrics.every(({ length }) => length >= 1 && length <= 6)).toBe(true);
});

test('a strong KL penalty holds the model where it is', async () => {
  const held = await steps(trainer({ klControl: { type: 'fixed', initial: 20 } }).trainer, 0, 8);
  const free = await steps(trainer({ klControl: { type: 'fixed', initial: 0 } }).trainer, 0, 8);
  expect(average(held.slice(-3), 'kl')).toBeLessThan(average(free.slice(-3), 'kl') / 3);
});

test('the adaptive weight rises while the KL is above its target', async () => {
  const klControl = { type: 'adaptive', initial: 0.01, target: 0.05, horizon: 100 } as const;
  const metrics = await steps(trainer({ klControl, learningRate: 6e-3 }).trainer, 0, 6);
  expect(metrics[1]!.kl_coefficient).toBeLessThan(0.01);
  expect(metrics[5]!.kl_coefficient).toBeGreaterThan(metrics[3]!.kl_coefficient);
});

test('nothing is learned where every advantage is zero: not a bit of the policy changes', async () => {
  const { trainer: run, policy } = trainer(
    { klControl: { type: 'fixed', initial: 0 } },
    { reward: constantReward(0) },
  );
  const before = values(policy);
  const [metrics] = await steps(run, 0, 1);
  expect(metrics!.gradient_norm).toBe(0);
  expect(values(policy)).toEqual(before);
});

test('goes on from a saved state to the same bits', async () => {
  const changes = {
    valueDropout: 0.1,
    valueStart: 'uniform',
    weightDecay: 0.01,
    warmUp: 3,
    schedule: 'linear',
  } as const;
  const whole = trainer(changes);
  const expected = await steps(whole.trainer, 0, 6);

  const first = trainer(changes);
  const start = await steps(first.trainer, 0, 3);
  const saved = first.trainer.save();
  const second = trainer(changes);
  // A state must survive being written as JSON and bytes.
  const tensors = Object.fromEntries(
    Object.entries(saved.tensors).map(([name, { data, ...rest }]) => [name, { ...rest, data: data.slice() }]),
  );
  second.trainer.load({ tensors, json: JSON.parse(JSON.stringify(saved.json)) as PpoState['json'] });
  const rest = await steps(second.trainer, 3, 6);

  expect([...start, ...rest]).toEqual(expected);
  expect(second.trainer.save()).toEqual(whole.trainer.save());
});

test('the same seed gives the same run, another seed another', async () => {
  const [a, b, c] = await Promise.all(
    [0, 0, 1].map(async (seed) => {
      const { trainer: run, policy } = trainer({}, { seed });
      await steps(run, 0, 2);
      return values(policy);
    }),
  );
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
});

test('every form of the KL term trains; its metric is always the log-ratio', async () => {
  for (const klForm of ['kl', 'abs', 'mse', 'k3', 'full'] as const) {
    const metrics = await steps(trainer({ klForm }).trainer, 0, 2);
    expect(Number.isFinite(metrics[1]!.kl), klForm).toBe(true);
  }
});

test('the passes end early when the policy has moved too far', async () => {
  const [all] = await steps(trainer().trainer, 0, 1);
  const [stopped] = await steps(trainer({ earlyStopKl: 1e-9 }).trainer, 0, 1);
  expect(all!.updates).toBe(4);
  expect(stopped!.updates).toBe(2);
});

test.each([false, true])('no tensor is left behind by a step, with everything on: %s', async (everything) => {
  const settings = { ...(everything && EXTRAS), learningRate: 1e-30 };
  const { trainer: run } = trainer(settings, everything ? { valueModel: keep(tinyModel()) } : {});
  // The same steps once more, so that tensors kept for shapes are there already.
  await steps(run, 0, 3);
  const before = tf.memory().numTensors;
  await steps(run, 0, 3);
  expect(tf.memory().numTensors).toBe(before);
});

test('a run that diverges says so, and what to change', async () => {
  const { trainer: run } = trainer({ learningRate: 1e30, maxGradientNorm: null });
  await expect(steps(run, 0, 4)).rejects.toMatchObject({
    code: 'nan-loss',
    options: { hint: expect.stringContaining('learning-rate') },
  });
});

test.each([
  [constantReward(Number.NaN), 'is NaN'],
  [{ description: 'short', score: () => [1] }, 'gave 1 scores for 16 texts'],
])('a reward that gives no number for each text is refused: %s', async (broken, message) => {
  await expect(steps(trainer({}, { reward: broken }).trainer, 0, 1)).rejects.toThrow(message);
});

test.each([
  [{ miniBatch: 5 }, 'mini-batch 5 does not divide batch 16'],
  [{ completionTokens: [3, 40] }, 'do not fit the model'],
  [{ promptTokens: [3, 1] }, 'prompt-tokens is [3, 1]: the fewest come first'],
] as [Partial<PpoSettings>, string][])(
  'impossible settings are refused before anything runs: %j',
  (changes, message) => {
    expect(() => trainer(changes)).toThrow(message);
  },
);

test('recorded log-probabilities are those with which the tokens were drawn, to the end-of-text token', () => {
  const policy = keep(tinyModel());
  const written = complete(policy, tokenizer, prompts.slice(0, 12), Array(12).fill(10), stream(0, 'draws'));
  expect(written.some(({ ended }) => ended)).toBe(true);
  for (const { response, ended, text } of written) {
    expect(response.indexOf(tokenizer.eosId!)).toBe(ended ? response.length - 1 : -1);
    expect(text.completion).not.toContain('endoftext');
  }
  const other = keep(tinyModel(1));
  const records = recordTokens(written, { policy, reference: other, klForm: 'kl', padId: tokenizer.padId });
  // Each sequence alone, one position at a time: nothing of padding or of neighbours may be in the numbers.
  let n = 0;
  for (const { prompt, response } of written) {
    for (const [t, id] of response.entries()) {
      const ids = tf.tensor2d([[...prompt, ...response.slice(0, t)]], undefined, 'int32');
      const [ours, theirs] = [policy, other].map((model) => {
        const logits = model.unembed(model.forward(ids)).reshape([-1, model.vocabulary]) as typeof ids;
        return tf.logSoftmax(logits.slice([logits.shape[0] - 1, 0])).dataSync()[id]!;
      });
      expect(records.logProbs[n]).toBeCloseTo(ours!, 4);
      expect(records.referenceLogProbs[n]).toBeCloseTo(theirs!, 4);
      expect(records.kl[n]).toBeCloseTo(ours! - theirs!, 4);
      n++;
    }
  }
  expect(n).toBe(records.logProbs.length);
});

/** A learner and a batch with targets of noise. */
function toLearn(separate: boolean) {
  const policy = keep(tinyModel());
  const valueModel = separate ? keep(tinyModel()) : null;
  const critic = keep(new Critic(policy.width, valueModel, 'uniform', stream(0, 'head')));
  const sequences = complete(policy, tokenizer, prompts.slice(0, 8), Array(8).fill(5), stream(0, 'draws'));
  const n = sequences.reduce((sum, { response }) => sum + response.length, 0);
  const random = stream(0, 'targets');
  const noise = (scale: number) => Float64Array.from({ length: n }, () => scale * random.normal());
  const { logProbs } = recordTokens(sequences, { policy, reference: policy, klForm: 'kl', padId: 0 });
  const shift = noise(0.05);
  const batch = {
    sequences,
    oldLogProbs: logProbs.map((x, i) => x + shift[i]!),
    oldValues: noise(0.3),
    advantages: noise(1),
    returns: noise(1),
  };
  const parameters = new Map([...policy.parameters, ...critic.parameters]);
  return {
    batch,
    parameters,
    learner: { policy, critic, differentiated: parameters, padId: tokenizer.padId },
  };
}
const lossOptions = { clipRange: 0.2, valueClipRange: 5, valueCoefficient: 0.5, ratioThreshold: 10 };

test.each([
  ['with a head on the policy', false, {}],
  ['with a value model, a dual clip and an entropy bonus', true, { dualClip: 1.08, entropyBonus: 0.1 }],
] as const)('gradients reach every parameter and predict how the loss changes: %s', (_, separate, extra) => {
  const { batch, parameters, learner } = toLearn(separate);
  const options = { ...lossOptions, ...extra };
  const { gradients } = ppoGradients(learner, batch, options);
  expect([...gradients.keys()].sort()).toEqual([...parameters.keys()].sort());

  const squares = [...gradients.values()].reduce(
    (sum, gradient) => sum + gradient.square().sum().dataSync()[0]!,
    0,
  );
  const lossAt = (shift: number) => {
    for (const [name, parameter] of parameters)
      parameter.assign(parameter.add(gradients.get(name)!.mul(shift)));
    const { loss } = ppoGradients(learner, batch, options);
    for (const [name, parameter] of parameters)
      parameter.assign(parameter.sub(gradients.get(name)!.mul(shift)));
    return loss.totalLoss;
  };
  const h = 1e-2 / Math.sqrt(squares);
  const slope = (lossAt(h) - lossAt(-h)) / (2 * h);
  expect(slope / squares).toBeCloseTo(1, 1);
  for (const [name, gradient] of gradients) {
    expect(gradient.abs().max().dataSync()[0], name).toBeGreaterThan(0);
  }
});

test.each([true, false])(
  'the value loss moves the policy unless it has a model of its own (%s)',
  (separate) => {
    const { batch, learner } = toLearn(separate);
    const still = { ...batch, advantages: batch.advantages.map(() => 0) };
    const { gradients } = ppoGradients(learner, still, lossOptions);
    const size = (name: string) => gradients.get(name)!.abs().max().dataSync()[0]!;
    const name = 'gpt_neox.layers.0.mlp.dense_h_to_4h.weight';
    expect(size(name) > 0).toBe(!separate);
    if (separate) expect(size(`value_model.${name}`)).toBeGreaterThan(0);
  },
);

test('with everything on that is off by default, the reward rises', async () => {
  const { trainer: run } = trainer({ ...EXTRAS, learningRate: 6e-3 }, { valueModel: keep(tinyModel()) });
  const first = await steps(run, 0, 2);
  const rest = await steps(run, 2, 14);
  expect(average(rest.slice(-4), 'reward')).toBeGreaterThan(average(first, 'reward') + 0.7);
  expect(rest.every(({ score }) => Math.abs(score) <= 2.1)).toBe(true);
});
