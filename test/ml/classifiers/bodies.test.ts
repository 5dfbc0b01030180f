import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as train } from '../../../activities/kinds/reward.train.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { classifierReward } from '../../../ml/rewards/reward-model.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, materialised, runBody } from '../../activities/run-body.ts';
import { tinyDirectories } from '../rlhf/tiny.ts';
import { plantedPairs, preferencesDirectory } from './planted.ts';

const model = materialised('model', tinyDirectories().model);
const preferences = (count: number, seed: number) =>
  materialised('preferences', preferencesDirectory(plantedPairs(count, seed)));
const params = {
  ...{ model, preferences: preferences(320, 0), 'held-out': preferences(200, 1) },
  ...{ batch: 32, 'micro-batch': 20, epochs: 3, 'learning-rate': 3e-3, margin: 'given', centring: 0.01 },
};
const reward = (changes: object, options?: Parameters<typeof runBody>[3]) =>
  runBody('reward.train', train, { ...params, ...changes }, options);

const tableOf = (result: BodyResult | null, output: string) =>
  JSON.parse(readFileSync(join(directoryOf(result, output), 'table.json'), 'utf8')) as Table;

let trained: BodyResult;
beforeAll(async () => {
  trained = (await reward({}))!;
}, 120_000);

test('learns a planted preference and tells so on pairs that it never saw', async () => {
  const { held_out_accuracy, held_out_loss, held_out_margin, held_out_seen, epochs } = trained.metrics;
  expect(held_out_accuracy!.value).toBeGreaterThan(0.85);
  expect(held_out_accuracy).toMatchObject({ n: 200, n_unit: 'pair' });
  expect(held_out_accuracy!.ci_low).toBeGreaterThan(0.8);
  expect(held_out_loss!.value).toBeLessThan(0.5);
  expect(held_out_margin!.ci_low).toBeGreaterThan(0);
  expect(held_out_seen!.value).toBe(0);
  expect(epochs!.value).toBe(3);
  expect(trained.metrics.left_out_pairs!.value + trained.metrics.pairs!.value).toBe(320);
  const bins = tableOf(trained, 'calibration').rows as {
    pairs: number;
    confidence: number;
    accuracy: number;
  }[];
  const gaps = bins.map(({ pairs, confidence, accuracy }) => pairs * Math.abs(accuracy - confidence));
  expect(bins.reduce((sum, { pairs }) => sum + pairs, 0)).toBe(200);
  expect(trained.metrics.calibration_error!.value).toBeCloseTo(gaps.reduce((a, b) => a + b) / 200, 9);
  const history = tableOf(trained, 'history').rows;
  expect(history.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});

test('what it writes is a directory of a classifier with one output, and a reward', async () => {
  const directory = directoryOf(trained, 'classifier');
  expect(readdirSync(directory).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  expect(JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))).toMatchObject({
    architectures: ['GPTNeoXForSequenceClassification'],
    id2label: { 0: 'reward' },
    label2id: { reward: 0 },
    pad_token_id: loadTokenizer(directory).padId,
  });
  const scorer = classifierReward({
    classifier: await loadClassifier(directory),
    tokenizer: loadTokenizer(directory),
    ...{ label: null, output: 'logit', scored: 'prefix+completion' },
  });
  const [good, bad] = await scorer.score([
    { prompt: 'the film was', completion: ' superb and good' },
    { prompt: 'the film was', completion: ' awful and bad' },
  ]);
  expect(good!).toBeGreaterThan(bad! + 1);
});

test.each([3, 20])(
  'stopped after step %i and resumed, it ends with the same bytes',
  async (stopAfter) => {
    const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    expect(await reward({}, { stopAfter, checkpoints })).toBeNull();
    const resumed = (await reward(
      {},
      {
        resume: { step: stopAfter, directory: join(checkpoints, String(stopAfter)) },
      },
    ))!;
    for (const [output, file] of [
      ['classifier', 'model.safetensors'],
      ['history', 'table.json'],
      ['calibration', 'table.json'],
    ] as const) {
      const read = (result: BodyResult) => readFileSync(join(directoryOf(result, output), file));
      expect(read(resumed).equals(read(trained)), `${output}/${file}`).toBe(true);
    }
    expect(resumed.metrics).toEqual(trained.metrics);
  },
  120_000,
);

test('shuffled preferences teach nothing: accuracy on unseen pairs stays at chance', async () => {
  const flipped = plantedPairs(320).map((pair, i) =>
    i % 2 === 0 ? pair : { ...pair, chosen: pair.rejected, rejected: pair.chosen },
  );
  const noise = materialised('preferences', preferencesDirectory(flipped));
  const result = (await reward({ preferences: noise, epochs: 1, margin: 'none' }))!;
  expect(Math.abs(result.metrics.held_out_accuracy!.value - 0.5)).toBeLessThan(0.2);
}, 60_000);

test('without held-out pairs nothing is claimed about them', async () => {
  const { 'held-out': _, ...rest } = params;
  const result = (await runBody('reward.train', train, { ...rest, steps: 2 }))!;
  expect(Object.keys(result.outputs).sort()).toEqual(['classifier', 'history']);
  expect(Object.keys(result.metrics).filter((name) => /held_out|calibration/.test(name))).toEqual([]);
}, 60_000);

test('counts what is cut, what was seen before, and what cannot be told apart', async () => {
  const pairs = plantedPairs(40);
  const same = { prompt: 'the film', chosen: ' was zzz', rejected: ' was qqq' };
  const directory = materialised('preferences', preferencesDirectory([...pairs, same]));
  const result = (await reward({
    ...{ preferences: directory, 'held-out': directory },
    ...{ 'max-length': 8, steps: 1, batch: 8, margin: 'none' },
  }))!;
  expect(result.metrics.cut_texts!.value).toBeGreaterThan(0.9);
  expect(result.metrics.held_out_seen!.value).toBe(41);
  expect(result.metrics.left_out_pairs!.value).toBeGreaterThanOrEqual(1);
});

test.each<[string, object, string]>([
  [
    'a length beyond the positions',
    { 'max-length': 33 },
    '`max-length` is 33, but the model has 32 positions',
  ],
  [
    'pairs without a margin',
    {
      preferences: materialised(
        'preferences',
        preferencesDirectory(plantedPairs(3).map(({ margin: _, ...pair }) => pair)),
      ),
    },
    '`margin` is given, but pair 1 of `preferences` has none',
  ],
  [
    'no pairs',
    { 'held-out': materialised('preferences', preferencesDirectory([])) },
    '`held-out` has no pairs',
  ],
])('%s: refused, saying so', async (_name, changes, message) => {
  await expect(reward(changes)).rejects.toThrow(message);
});
