import { readFileSync } from 'node:fs';
import type * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { startEngine, tensorflow } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';
import { nextTokenLoss } from '../../../ml/language-modelling/loss.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { parameterValues } from '../../../ml/models/save.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { type LoraOptions, lora } from '../../../ml/training/lora.ts';
import type { Trainable } from '../../../ml/training/trainable.ts';
import { Updater } from '../../../ml/training/updater.ts';

process.env.TF_NUM_INTRAOP_THREADS ??= '1';
await startEngine();

type Described = [norm: number, values: number[]];

/** Made by test/fixtures/make/lora.py with the package `peft`. */
const fixture = JSON.parse(readFileSync('test/fixtures/lora.json', 'utf8')) as {
  settings: Record<'rank' | 'alpha' | 'rate' | 'decay' | 'beta2' | 'epsilon' | 'clip' | 'steps', number>;
  targets: Record<string, Record<'default' | 'all-linear', string[]>>;
  models: Record<
    string,
    {
      targets: string[];
      losses: number[];
      norms: number[];
      gradients: Record<string, Described>;
      after: Record<string, Described>;
      merged: Record<string, Described>;
      logits: number[][];
    }
  >;
};
const { settings } = fixture;

const open = (name: string) => loadModel(`test/fixtures/tiny-models/${name}`);
const draws = (name: string) => stream(3, `lora/${name}`);
const options = (targets: LoraOptions['targets'] = null): LoraOptions => ({
  rank: settings.rank,
  alpha: settings.alpha,
  targets,
});

function inputsOf(name: string): number[][] {
  const path = `test/fixtures/tiny-models/${name}/expected.json`;
  return (JSON.parse(readFileSync(path, 'utf8')) as { input_ids: number[][] }).input_ids;
}

/** As `start_values` of the maker. */
function setStart(trainable: Trainable): void {
  let first = 0;
  for (const [, parameter] of [...trainable.parameters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const from = first;
    const values = Float32Array.from({ length: parameter.size }, (_, i) => 0.2 * Math.sin(0.7 * (from + i)));
    tensorflow().tidy(() => parameter.assign(tensorflow().tensor(values, parameter.shape)));
    first += parameter.size;
  }
  trainable.moved();
}

const updaterOf = (trainable: Trainable) =>
  new Updater(trainable, new Map(), {
    weightDecay: settings.decay,
    beta2: settings.beta2,
    epsilon: settings.epsilon,
    maxGradientNorm: settings.clip,
  });

/** One step of training on all rows; also gives the gradients before clipping. */
function step(model: LanguageModel, updater: Updater, ids: number[][], trainable: Trainable) {
  const block = { tokens: Int32Array.from(ids.flat()), scored: null, rows: ids.length };
  const { value, grads } = gradients(() => nextTokenLoss(model, block), updater.differentiated);
  const loss = value.dataSync()[0] as number;
  value.dispose();
  const copies = new Map([...grads].map(([name, gradient]) => [name, gradient.clone()]));
  const projected = trainable.project(copies);
  const first = new Map([...projected].map(([name, gradient]) => [name, gradient.dataSync().slice()]));
  for (const gradient of projected.values()) gradient.dispose();
  const update = updater.prepare(grads);
  update.apply(settings.rate);
  update.dispose();
  return { loss, norm: update.norm, gradients: first };
}

const relative = (ours: number, theirs: number, scale = Math.abs(theirs)) => Math.abs(ours - theirs) / scale;

/** The largest difference of the recorded values, relative to the size of the tensor's elements. */
function difference(values: ArrayLike<number>, [norm, picked]: Described): number {
  const size = Math.max(norm / Math.sqrt(values.length), ...picked.map(Math.abs));
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] as number) ** 2;
  const places = picked.map((_, i) => Math.trunc((i * (values.length - 1)) / 7));
  return Math.max(
    relative(Math.sqrt(squares), norm),
    ...places.map((place, i) => relative(values[place] as number, picked[i] as number, size)),
  );
}

const worst = (found: Iterable<[string, ArrayLike<number>]>, expected: Record<string, Described>) => {
  const all = [...found];
  expect(all.map(([name]) => name).sort()).toEqual(Object.keys(expected).sort());
  return Math.max(...all.map(([name, values]) => difference(values, expected[name] as Described)));
};

const valuesOf = (parameters: ReadonlyMap<string, tf.Tensor>) =>
  [...parameters].map(([name, value]): [string, ArrayLike<number>] => [name, value.dataSync().slice()]);

const weightOf = (name: string) => name.replace(/lora_[AB]\./, '');

test.each(Object.entries(fixture.models))(
  '%s: gradients, three updates and the merged model are those of peft',
  async (name, expected) => {
    const model = await open(name);
    const before = parameterValues(model);
    const copies = new Map(Object.entries(before).map(([key, { data }]) => [key, data.slice()]));
    const ids = inputsOf(name);
    const trainable = lora(model, options(expected.targets), draws);
    setStart(trainable);
    const updater = updaterOf(trainable);
    const steps = Array.from({ length: settings.steps }, () => step(model, updater, ids, trainable));
    for (const [i, { loss, norm }] of steps.entries()) {
      expect(relative(loss, expected.losses[i]!)).toBeLessThan(1e-5);
      expect(relative(norm, expected.norms[i]!)).toBeLessThan(1e-5);
    }
    expect(worst(steps[0]!.gradients, expected.gradients)).toBeLessThan(1e-5);
    expect(worst(valuesOf(trainable.parameters), expected.after)).toBeLessThan(1e-5);
    const adapted = new Set([...trainable.parameters.keys()].map(weightOf));
    const merged = valuesOf(model.parameters).filter(([key]) => adapted.has(key));
    expect(worst(merged, expected.merged)).toBeLessThan(1e-5);
    const logits = tensorflow().tidy(() =>
      model
        .unembed(model.forward(tensorflow().tensor2d(ids, undefined, 'int32')))
        .slice([0, ids[0]!.length - 1, 0])
        .dataSync()
        .slice(),
    );
    const theirs = expected.logits.flat();
    const largest = Math.max(...theirs.map(Math.abs));
    expect(Math.max(...theirs.map((one, i) => relative(logits[i]!, one, largest)))).toBeLessThan(1e-5);
    // Nothing else has moved by a bit.
    for (const [key, values] of valuesOf(model.parameters))
      if (!adapted.has(key))
        expect(
          Buffer.from((values as Float32Array).buffer).equals(Buffer.from(copies.get(key)!.buffer)),
        ).toBe(true);
    updater.dispose();
    trainable.dispose();
    model.dispose();
  },
);

test.each(Object.entries(fixture.targets))('%s: peft adapts the same weights', async (name, expected) => {
  const model = await open(name);
  for (const [targets, which] of [
    [null, 'default'],
    ['all-linear', 'all-linear'],
  ] as const) {
    const trainable = lora(model, options(targets), draws);
    expect([...trainable.differentiated.keys()].sort()).toEqual(expected[which]);
    trainable.dispose();
  }
  model.dispose();
});

test('A starts uniform within 1/sqrt(in), B at nothing: the model is what it was', async () => {
  const model = await open('llama');
  const before = new Map(valuesOf(model.parameters));
  const trainable = lora(model, { rank: 16, alpha: 8, targets: ['gate_proj'] }, draws);
  trainable.moved();
  for (const [name, values] of valuesOf(model.parameters)) expect(values).toEqual(before.get(name));
  for (const [name, parameter] of trainable.parameters) {
    const values = Array.from(parameter.dataSync());
    if (name.includes('lora_B')) {
      expect(values.every((x) => x === 0)).toBe(true);
      continue;
    }
    const bound = 1 / Math.sqrt(model.width);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    const spread = Math.hypot(...values) / Math.sqrt(values.length);
    expect(relative(spread, bound / Math.sqrt(3))).toBeLessThan(0.1);
  }
  trainable.dispose();
  model.dispose();
});

test('a target that the model does not have is named, with those that it has', async () => {
  const model = await open('gpt_neox');
  expect(() => lora(model, options(['query_key_value', 'q_proj']), draws)).toThrow(
    expect.objectContaining({
      code: 'bad-parameter',
      message: 'No layer of the gpt_neox model is called q_proj',
      options: {
        hint: 'set `lora.targets` to all-linear or to some of: query_key_value, dense, dense_h_to_4h, dense_4h_to_h',
      },
    }),
  );
  model.dispose();
});

test('a saved state goes on to the same bits, and weights shared with a reference model give them too', async () => {
  const ids = inputsOf('gpt_neox');
  async function train(steps: number, from: ReturnType<Updater['save']> | null, shared: boolean) {
    const model = await open('gpt_neox');
    const reference = shared ? await open('gpt_neox') : null;
    const trainable = lora(model, options('all-linear'), draws, reference?.parameters);
    const updater = updaterOf(trainable);
    if (from) updater.load(from);
    for (let i = 0; i < steps; i++) step(model, updater, ids, trainable);
    const state = structuredClone(updater.save());
    const weights = valuesOf(model.parameters);
    updater.dispose();
    trainable.dispose();
    const kept = reference ? valuesOf(reference.parameters) : null;
    for (const one of [model, reference]) one?.dispose();
    return { state, weights, kept };
  }
  const whole = await train(5, null, false);
  const half = await train(2, null, false);
  const resumed = await train(3, half.state, false);
  expect(resumed).toEqual(whole);
  expect(resumed.state).not.toEqual(half.state);
  const { kept, ...shared } = await train(5, null, true);
  expect(shared).toEqual({ state: whole.state, weights: whole.weights });
  const fresh = await open('gpt_neox');
  expect(kept).toEqual(valuesOf(fresh.parameters));
  fresh.dispose();
});

test.each([false, true])('no tensor is left behind (weights shared: %s)', async (shared) => {
  const model = await open('gpt2');
  const reference = shared ? await open('gpt2') : null;
  const ids = inputsOf('gpt2');
  const tensors = () => tensorflow().memory().numTensors;
  function use() {
    const trainable = lora(model, options(), draws, reference?.parameters);
    const updater = updaterOf(trainable);
    step(model, updater, ids, trainable);
    const before = tensors();
    step(model, updater, ids, trainable);
    expect(tensors()).toBe(before);
    updater.load(updater.save());
    updater.dispose();
    trainable.dispose();
  }
  use(); // The engine keeps a few constants for good.
  const before = tensors();
  use();
  expect(tensors()).toBe(before);
  for (const one of [model, reference]) one?.dispose();
});
