import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run as capture } from '../../activities/kinds/activations.capture.ts';
import { run as lmTrain } from '../../activities/kinds/lm.train.ts';
import { run as rewardTrain } from '../../activities/kinds/reward.train.ts';
import { run as dpo } from '../../activities/kinds/rlhf.dpo.ts';
import { run as grpo } from '../../activities/kinds/rlhf.grpo.ts';
import { run as ppo } from '../../activities/kinds/rlhf.ppo.ts';
import { run as rloo } from '../../activities/kinds/rlhf.rloo.ts';
import { run as saeTrain } from '../../activities/kinds/sae.train.ts';
import { KINDS } from '../../compiler/kinds/registry.ts';
import { isLocalArtifact } from '../../compute/protocol.ts';
import type { ActivityBody, BodyResult } from '../../compute/types.ts';
import type { Table } from '../../store/table.ts';
import { plantedPairs } from '../ml/preferences/planted.ts';
import { TEXTS, tinyDirectories } from '../ml/rlhf/tiny.ts';
import { directoryOf, materialised, type RunBodyOptions, runBody } from './run-body.ts';

type Params = Record<string, unknown>;

const tiny = tinyDirectories();
const model = materialised('model', tiny.model);
const texts = materialised('texts', tiny.texts);
const textsOf = (list: readonly string[]) => {
  const directory = mkdtempSync(join(tmpdir(), 'texts-'));
  const lines = list.map((text) => `${JSON.stringify({ text })}\n`);
  writeFileSync(join(directory, 'texts.jsonl'), lines.join(''));
  return materialised('texts', directory);
};
const preferences = (count: number, seed: number) => {
  const directory = mkdtempSync(join(tmpdir(), 'preferences-'));
  const lines = plantedPairs(count, seed).map((pair) => `${JSON.stringify(pair)}\n`);
  writeFileSync(join(directory, 'preferences.jsonl'), lines.join(''));
  return materialised('preferences', directory);
};
const tuning = {
  ...{ model, prompts: texts, reward: { kind: 'lexicon', scale: 0.5 }, batch: 8, 'mini-batch': 4 },
  ...{ 'prompt-tokens': [1, 3], 'completion-tokens': [3, 6], 'learning-rate': 5e-3 },
  alarms: { window: 2, kl: 1e-6, length: 1.01 },
};
const pairwise = { model, batch: 4, schedule: 'constant', 'warm-up': 2, 'learning-rate': 3e-3 };

interface Training {
  kind: string;
  body: ActivityBody;
  params: Params;
  /** The first and the whole training. */
  steps: [number, number];
  /** Unless `steps` says how long it is. */
  lasting?: (steps: number) => Params;
}

const TRAININGS: Record<string, Training> = {
  lm: {
    ...{ kind: 'lm.train', body: lmTrain, steps: [4, 7] },
    params: {
      ...{ data: texts, model, context: 8, batch: 8, schedule: 'constant', 'warm-up': 2 },
      ...{ 'held-out': 0.2, 'evaluate-every': 3, 'learning-rate': 0.05 },
    },
  },
  ppo: {
    ...{ kind: 'rlhf.ppo', body: ppo, steps: [4, 7] },
    params: { ...tuning, 'scale-rewards': 'normalise', 'value-dropout': 0.1, 'value-model': 'separate' },
  },
  grpo: { ...{ kind: 'rlhf.grpo', body: grpo, steps: [4, 7] }, params: tuning },
  'rloo with lora': {
    ...{ kind: 'rlhf.rloo', body: rloo, steps: [4, 7] },
    params: { ...tuning, lora: { rank: 2 } },
  },
  // 7 batches of 20 take more of the 200 pairs than 4 do: the reference of the others is still to be measured.
  dpo: {
    ...{ kind: 'rlhf.dpo', body: dpo, steps: [4, 7] },
    params: { ...pairwise, batch: 20, preferences: preferences(200, 0), 'held-out': preferences(20, 1) },
  },
  'dpo of all pairs': {
    ...{ kind: 'rlhf.dpo', body: dpo, steps: [4, 7] },
    params: { ...pairwise, batch: 20, preferences: preferences(60, 0) },
  },
  reward: {
    ...{ kind: 'reward.train', body: rewardTrain, steps: [4, 7] },
    params: { ...pairwise, preferences: preferences(60, 0), 'held-out': preferences(20, 1) },
  },
  'sae l1-tied': {
    ...{ kind: 'sae.train', body: saeTrain, steps: [4, 7], lasting: (steps) => ({ tokens: 64 * steps }) },
    params: {
      ...{ layer: 0, variant: 'l1-tied', batch: 64, expansion: 2 },
      ...{ 'warm-up': 0, decay: 0, 'sparsity-warm-up': 2 },
    },
  },
  // The average threshold of the whole training begins at its middle, after the end of the first.
  'sae topk': {
    ...{ kind: 'sae.train', body: saeTrain, steps: [3, 7], lasting: (steps) => ({ tokens: 64 * steps }) },
    params: {
      ...{ layer: 0, variant: 'topk', batch: 64, expansion: 2, k: 4, auxiliary: { 'dead-after': 100 } },
      ...{ 'warm-up': 0, decay: 0, 'sparsity-warm-up': 0 },
    },
  },
};

beforeAll(async () => {
  const params = { model, data: texts, layers: [0], tokens: 600, 'max-length': 8 };
  const captured = await runBody('activations.capture', capture, params);
  const activations = materialised('activations', directoryOf(captured, 'activations'));
  for (const { kind, params } of Object.values(TRAININGS))
    if (kind === 'sae.train') Object.assign(params, { activations });
}, 60_000);

const train = (
  { kind, body, params, lasting }: Training,
  steps: number,
  more: Params = {},
  options?: RunBodyOptions,
) =>
  runBody(
    kind,
    body,
    { ...params, ...(lasting?.(steps) ?? { steps }), 'keep-state': true, ...more },
    options,
  );

const stateOf = (result: BodyResult | null) => materialised('training-state', directoryOf(result, 'state'));

/** Every file of every artifact, in a form that shows which one differs. */
function filesOf(result: BodyResult | null): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [output, value] of Object.entries(result!.outputs)) {
    if (!isLocalArtifact(value)) continue;
    for (const file of readdirSync(value.directory))
      files[`${output}/${file}`] = readFileSync(join(value.directory, file)).toString('base64');
  }
  return files;
}

function expectSame(found: BodyResult | null, expected: BodyResult | null): void {
  const [ours, theirs] = [filesOf(found), filesOf(expected)];
  expect(Object.keys(ours)).toEqual(Object.keys(theirs));
  expect(Object.keys(theirs).filter((name) => ours[name] !== theirs[name])).toEqual([]);
  expect(found!.metrics).toEqual(expected!.metrics);
}

describe.each(Object.entries(TRAININGS))('%s', (_, training) => {
  test('a finished training, extended, is byte for byte the longer one: model, history, metrics and state', async () => {
    const [short, long] = training.steps;
    const whole = await train(training, long);
    const first = await train(training, short);
    const extended = await train(training, long, { continue: stateOf(first) });
    expectSame(extended, whole);
    expect(filesOf(first)['state/state.safetensors']).not.toBe(filesOf(whole)['state/state.safetensors']);
    if ('history' in whole!.outputs) {
      const { rows } = JSON.parse(
        readFileSync(join(directoryOf(extended, 'history'), 'table.json'), 'utf8'),
      ) as Table;
      expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: long }, (_, i) => i + 1));
    }
    if ('alarms' in whole!.metrics) expect(whole!.metrics.alarms!.value).toBeGreaterThan(0);
  }, 60_000);
});

test('every kind with a state is tried here', () => {
  const kinds = [...KINDS].filter(([, { outputs }]) => 'state' in outputs).map(([name]) => name);
  expect([...new Set(Object.values(TRAININGS).map(({ kind }) => kind))].sort()).toEqual(kinds.sort());
});

test.each(['ppo', 'dpo'])(
  '%s killed while it is extended goes on from its own checkpoint',
  async (name) => {
    const training = TRAININGS[name]!;
    const first = await train(training, 4);
    const extension = { continue: stateOf(first) };
    const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    expect(await train(training, 7, extension, { stopAfter: 6, checkpoints })).toBeNull();
    expect(readdirSync(checkpoints)).toEqual(['6']);
    const resume = { step: 6, directory: join(checkpoints, '6') };
    expectSame(await train(training, 7, extension, { resume }), await train(training, 7, extension));
  },
  60_000,
);

test('a training that stopped early stays what it is', async () => {
  const data = textsOf(TEXTS.slice(0, 12));
  const params = { ...TRAININGS.lm!.params, data, 'held-out': 0.4, 'evaluate-every': 1, patience: 2 };
  const training = { ...TRAININGS.lm!, params };
  const first = await train(training, 60);
  expectSame(await train(training, 80, { continue: stateOf(first) }), first);
}, 60_000);

test('without `keep-state` there is no state', async () => {
  const result = await train(TRAININGS.lm!, 2, { 'keep-state': false });
  expect(Object.keys(result!.outputs).sort()).toEqual(['history', 'model']);
});

describe('a state of another training is refused', () => {
  const training = TRAININGS.grpo!;
  let first: BodyResult | null;
  beforeAll(async () => {
    first = await train(training, 2);
  });

  const refusal = async (more: Params, options?: RunBodyOptions, other = training, steps = 4) => {
    const error = await train(other, steps, { continue: stateOf(first), ...more }, options).then(
      () => null,
      (error) => error,
    );
    return `${error?.code}: ${error?.message} ${error?.options.hint}`;
  };

  test.each<[string, () => Promise<string>, string]>([
    [
      'another value',
      () => refusal({ beta: 0.3, 'clip-range': 0.1 }),
      'bad-state: `continue` is the state of a training with `beta` 0.2; here it is `beta` 0.3. Give both steps the same `beta`: only `steps` may differ.',
    ],
    [
      'a value inside',
      () => refusal({ alarms: { ...tuning.alarms, window: 3 } }),
      'bad-state: `continue` is the state of a training with `alarms.window` 2; here it is `alarms.window` 3. Give both steps the same `alarms.window`: only `steps` may differ.',
    ],
    [
      'one that is not given',
      () => refusal({ lora: { rank: 2 } }),
      'bad-state: `continue` is the state of a training with no `lora`; here it is `lora` {"rank":2,"alpha":8}. Give both steps the same `lora`: only `steps` may differ.',
    ],
    [
      'another input',
      () => refusal({ model: { ...model, digest: 'e'.repeat(64) } }),
      'bad-state: `continue` is the state of a training with `model` d; here it is `model` eeeeeeeeeeee. Give both steps the same `model`: only `steps` may differ.',
    ],
    [
      'another seed',
      () => refusal({}, { seed: 1 }),
      'bad-state: `continue` is the state of a training with the seed 0; here it is 1. Give the `state` that the same seed made.',
    ],
    [
      'another kind',
      () => refusal({}, {}, TRAININGS.ppo!),
      'bad-state: `continue` is the state of a training with rlhf.grpo; rlhf.ppo cannot go on from it. Give a `state` of the same kind of step.',
    ],
    [
      'nothing to do',
      () => refusal({}, {}, training, 2),
      'bad-parameter: `continue` is a training of 2 steps; this one has 2 in all, which leaves nothing to do. Raise `steps`: steps count from the beginning of the training that is continued.',
    ],
  ])('%s', async (_, found, expected) => {
    expect(await found()).toBe(expected);
  });
});
