import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as divergence } from '../../../activities/kinds/model.divergence.ts';
import { run as evaluate } from '../../../activities/kinds/model.evaluate.ts';
import { run as ppo } from '../../../activities/kinds/rlhf.ppo.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { isHeldOut } from '../../../ml/rlhf/prompts.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, materialised, runBody } from '../../activities/run-body.ts';
import { tinyDirectories } from './tiny.ts';

const directories = tinyDirectories();
const base = materialised('model', directories.model);
const prompts = materialised('texts', directories.texts);
const feedback = { kind: 'lexicon', lexicon: 'vader', scale: 0.5, clip: 10, scored: 'completion' };
const lengths = { 'prompt-tokens': [1, 3], 'completion-tokens': [3, 6] };
const ppoParams = {
  ...lengths,
  model: base,
  prompts,
  reward: feedback,
  protocol: 'corrected',
  steps: 6,
  batch: 16,
  'mini-batch': 8,
  epochs: 2,
  'learning-rate': 3e-3,
  'max-gradient-norm': 1,
  gamma: 1,
  lambda: 0.95,
  'clip-range': 0.2,
  'value-clip-range': 0.2,
  'value-coefficient': 0.1,
  'ratio-threshold': 10,
  'whiten-rewards': 'off',
  kl: { penalty: 'kl', controller: 'adaptive', target: 6 },
};

const tableOf = (result: BodyResult, output: string) =>
  JSON.parse(readFileSync(join(directoryOf(result, output), 'table.json'), 'utf8')) as Table;

let tuned: BodyResult;
beforeAll(async () => {
  tuned = (await runBody('rlhf.ppo', ppo, ppoParams))!;
}, 120_000);

test('tuning writes a model that loads, and a row of its history for each step', () => {
  expect(readdirSync(directoryOf(tuned, 'model')).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  const history = tableOf(tuned, 'history');
  expect(history.rows.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(history.columns.every(({ key }) => history.rows.every((row) => typeof row[key] === 'number'))).toBe(
    true,
  );
  expect(tuned.metrics.reward_end).toMatchObject({ n: 16, n_unit: 'completion' });
});

test.each([3, 4, 5])(
  'stopped after step %i and resumed, it ends with the same bytes',
  async (stopAfter) => {
    const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    expect(await runBody('rlhf.ppo', ppo, ppoParams, { stopAfter, checkpoints })).toBeNull();
    const resume = { step: stopAfter, directory: join(checkpoints, String(stopAfter)) };
    const resumed = (await runBody('rlhf.ppo', ppo, ppoParams, { resume }))!;
    for (const [output, file] of [
      ['model', 'model.safetensors'],
      ['history', 'table.json'],
    ] as const) {
      const read = (result: BodyResult) => readFileSync(join(directoryOf(result, output), file));
      expect(read(resumed).equals(read(tuned)), file).toBe(true);
    }
    expect(resumed.metrics).toEqual(tuned.metrics);
  },
  120_000,
);

test('evaluation compares both models on prompts that tuning left out, with paired intervals', async () => {
  const model = materialised('model', directoryOf(tuned, 'model'));
  const params = {
    ...lengths,
    base,
    prompts,
    reward: feedback,
    count: 40,
    samples: 2,
    'minimum-characters': 0,
  };
  const result = (await runBody('model.evaluate', evaluate, { ...params, model, examples: 5, batch: 16 }))!;
  const { reward_before, reward_after, reward_gain, kl } = result.metrics;
  expect(reward_gain!.value).toBeCloseTo(reward_after!.value - reward_before!.value, 9);
  expect(reward_gain!.ci_low).toBeLessThan(reward_gain!.value);
  expect(kl!.ci_low).toBeGreaterThan(0);
  expect(kl!.n_unit).toBe('prompt');
  const table = tableOf(result, 'table');
  expect(table.rows.length).toBe(5);
  expect(table.rows.every(({ prompt }) => isHeldOut(String(prompt)))).toBe(true);
}, 120_000);

test('a model beside itself: no gain, no KL, the same completions', async () => {
  const params = { ...lengths, base, model: base, prompts, reward: feedback, count: 20, samples: 1 };
  const result = (await runBody('model.evaluate', evaluate, {
    ...params,
    'minimum-characters': 0,
    examples: 20,
    batch: 64,
  }))!;
  expect(result.metrics.reward_gain!.value).toBe(0);
  expect(result.metrics.kl!.value).toBe(0);
  expect(tableOf(result, 'table').rows.every(({ before, after }) => before === after)).toBe(true);
  expect(result.outputs.before).toEqual(result.outputs.after);
}, 60_000);

test('divergence selects layers by either protocol and records both', async () => {
  const params = { base, tuned: materialised('model', directoryOf(tuned, 'model')), keep: 1, scope: 'block' };
  for (const protocol of ['faithful', 'corrected'] as const) {
    const result = (await runBody('model.divergence', divergence, { ...params, protocol }))!;
    const document = JSON.parse(
      readFileSync(join(directoryOf(result, 'divergence'), 'divergence.json'), 'utf8'),
    );
    expect(result.outputs.selected).toEqual([document.rankings[protocol][0]]);
    expect(document.layers.map(({ layer }: { layer: number }) => layer)).toEqual([0, 1]);
    expect(document.layers[0].tensors.length).toBe(12);
    expect(
      document.layers.every(
        ({ frobenius, mlpFrobenius }: Record<string, number>) => frobenius! > mlpFrobenius!,
      ),
    ).toBe(true);
    expect(result.metrics.selected_share!.value).toBeGreaterThan(0.5);
  }
  await expect(
    runBody('model.divergence', divergence, { ...params, protocol: 'faithful', keep: 3 }),
  ).rejects.toThrow('the model has 2 layers');
}, 60_000);
