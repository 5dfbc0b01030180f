import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as probe } from '../../../activities/kinds/probe.preferences.ts';
import { KINDS } from '../../../compiler/kinds/registry.ts';
import { stream } from '../../../ml/random/stream.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, runBody, temporaryDirectory } from '../../ml/activations/run-body.ts';
import { modelArtifact, randomTexts } from '../../ml/activations/small-model.ts';

const PAIRS = 60;
let params: Record<string, unknown>;

beforeAll(() => {
  const draws = stream(2, 'test.pairs');
  const [prompts, chosen, rejected] = [0, 1, 2].map(() => randomTexts(PAIRS, draws)) as [
    string[],
    string[],
    string[],
  ];
  const directory = temporaryDirectory();
  const lines = prompts.map((prompt, i) =>
    JSON.stringify({ prompt, chosen: ` ${chosen[i]}`, rejected: ` ${rejected[i]}` }),
  );
  writeFileSync(join(directory, 'preferences.jsonl'), `${lines.join('\n')}\n`);
  params = {
    pairs: { $artifact: 'preferences', digest: 'pairs', directory },
    tuned: modelArtifact('tuned', 3, 8),
    base: modelArtifact('base', 3, 7),
    random: modelArtifact('random', 3, 9),
    layers: [0, 2],
    site: 'mlp_out',
    count: PAIRS,
    'max-length': 32,
    'max-prompt-length': 16,
    folds: 3,
    shuffles: 19,
    'bug-compatible': ['pad-mean', 'max-tokens-16', 'base-model-activations'],
    batch: 8,
    replicates: 200,
    level: 0.95,
  };
});

const run = async (more: Record<string, unknown> = {}) =>
  (await runBody({ body: probe, params: { ...params, ...more } })).result!;

test('gives every metric that it declares, and both tables', async () => {
  const result = await run();
  const { metrics } = result;
  expect(Object.keys(metrics).sort()).toEqual(Object.keys(KINDS.get('probe.preferences')!.metrics).sort());
  expect(metrics.pairs!.value).toBe(PAIRS);
  expect(metrics.tau_gap!.value).toBeCloseTo(metrics.tau_tuned!.value - metrics.tau_base!.value, 10);
  const read = (name: string): Table =>
    JSON.parse(readFileSync(join(directoryOf(result, name), 'table.json'), 'utf8'));
  expect(read('table').rows.map(({ from }) => from)).toEqual([
    'activations of the tuned model',
    'activations before tuning (control)',
    'activations of a random model (control)',
    'lengths of the responses (control)',
    'words of the responses (control)',
  ]);
  const published = read('published').rows;
  expect(published).toHaveLength(7);
  expect(published[0]!.change).toBe(0);
  const accuracies = published.map(({ accuracy }) => accuracy);
  expect(new Set(accuracies).size).toBeGreaterThan(2);
});

test('mistakes that are not asked for are left out', async () => {
  const { metrics } = await run({ 'bug-compatible': ['pad-mean'], random: undefined });
  expect(metrics.accuracy_pad_mean).toBeDefined();
  for (const name of ['accuracy_all_mistakes', 'accuracy_max_tokens_16', 'accuracy_base_model', 'tau_random'])
    expect(metrics[name]).toBeUndefined();
});

test('refuses what would mean nothing, naming the field', async () => {
  await expect(run({ tuned: params.base })).rejects.toThrow(
    'The tuned model says of every pair what the model before tuning says',
  );
  await expect(run({ layers: [0, 3] })).rejects.toThrow('`layers` has 3, but the model has layers 0 to 2');
  await expect(run({ count: 20, folds: 20 })).rejects.toThrow('too few for 20 folds');
});
