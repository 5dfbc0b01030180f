import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as dpo } from '../../../activities/kinds/rlhf.dpo.ts';
import { run as reference } from '../../../activities/kinds/rlhf.reference.ts';
import { KINDS } from '../../../compiler/kinds/registry.ts';
import type { BodyResult } from '../../../compute/types.ts';
import type { PreferencePair } from '../../../ml/preferences/types.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, materialised, runBody } from '../../activities/run-body.ts';
import { tinyDirectories } from '../rlhf/tiny.ts';
import { plantedPairs } from './planted.ts';

const preferencesOf = (pairs: readonly PreferencePair[]) => {
  const directory = mkdtempSync(join(tmpdir(), 'preferences-'));
  const lines = pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('');
  writeFileSync(join(directory, 'preferences.jsonl'), lines);
  return materialised('preferences', directory);
};
const base = materialised('model', tinyDirectories().model);
const preferences = preferencesOf(plantedPairs(80, 0));
const lengths = { 'max-length': 16, 'max-prompt-length': 8 };
const dpoParams = {
  model: base,
  preferences,
  'held-out': preferencesOf(plantedPairs(40, 1)),
  ...lengths,
  steps: 12,
  batch: 8,
  'micro-batch': 4,
  'learning-rate': 3e-3,
};
const bytes = (result: BodyResult | null, output: string, file: string) =>
  readFileSync(join(directoryOf(result, output), file));
const files = [
  ['model', 'model.safetensors'],
  ['history', 'table.json'],
] as const;

let tuned: BodyResult;
beforeAll(async () => {
  tuned = (await runBody('rlhf.dpo', dpo, dpoParams))!;
}, 120_000);

test('tuning writes a model, a row of its history for each step, and what it declares to measure', () => {
  expect(readdirSync(directoryOf(tuned, 'model'))).toContain('model.safetensors');
  const history = JSON.parse(bytes(tuned, 'history', 'table.json').toString()) as Table;
  expect(history.rows.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(history.columns.every(({ key }) => history.rows.every((row) => typeof row[key] === 'number'))).toBe(
    true,
  );
  expect(Object.keys(tuned.metrics).sort()).toEqual(Object.keys(KINDS.get('rlhf.dpo')!.metrics).sort());
  expect(tuned.metrics.initial_log_ratio!.value).toBeLessThan(1e-4);
  expect(tuned.metrics.held_out_accuracy_before!.value).toBe(0.5);
  expect(tuned.metrics.held_out_accuracy_after!.ci_low).toBeGreaterThan(0.6);
  expect(tuned.metrics.passes!.value).toBeCloseTo((12 * 8) / 80, 12);
});

test.each([1, 4, 7, 12])(
  'stopped after step %i and resumed, it ends with the same bytes',
  async (stopAfter) => {
    const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    expect(await runBody('rlhf.dpo', dpo, dpoParams, { stopAfter, checkpoints })).toBeNull();
    const resume = { step: stopAfter, directory: join(checkpoints, String(stopAfter)) };
    const resumed = await runBody('rlhf.dpo', dpo, dpoParams, { resume });
    for (const [output, file] of files)
      expect(bytes(resumed, output, file).equals(bytes(tuned, output, file)), file).toBe(true);
    expect(resumed!.metrics).toEqual(tuned.metrics);
  },
  120_000,
);

test('a stored reference gives the very numbers that computing it at the start gives', async () => {
  const params = { model: base, preferences, ...lengths };
  const whole = await runBody('rlhf.reference', reference, params);
  const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
  expect(await runBody('rlhf.reference', reference, params, { stopAfter: 3, checkpoints })).toBeNull();
  const resume = { step: 3, directory: join(checkpoints, '3') };
  const resumed = await runBody('rlhf.reference', reference, params, { resume });
  const file = 'log-probs.safetensors';
  expect(bytes(resumed, 'log_probs', file).equals(bytes(whole, 'log_probs', file))).toBe(true);

  const stored = materialised('log-probs', directoryOf(whole, 'log_probs'));
  const from = (changes: Record<string, unknown>) =>
    runBody('rlhf.dpo', dpo, { ...dpoParams, 'reference-log-probs': stored, ...changes });
  const same = await from({});
  for (const [output, name] of files)
    expect(bytes(same, output, name).equals(bytes(tuned, output, name)), name).toBe(true);
  expect(same!.metrics).toEqual(tuned.metrics);

  await expect(from({ 'max-length': 7, 'max-prompt-length': 4 })).rejects.toThrow(
    'they are of other pairs, or of these cut',
  );
  await expect(from({ 'end-of-text': false })).rejects.toThrow('they are of other pairs, or of these cut');
  await expect(from({ preferences: preferencesOf(plantedPairs(79, 0)) })).rejects.toThrow(
    'they are of 80 pairs, and there are 79',
  );
  await expect(from({ reference: { ...base, digest: 'other' } })).rejects.toThrow(
    'they are of another model',
  );
}, 120_000);

test('another reference than the model itself: the log-ratios do not start at 0', async () => {
  const moved = { ...materialised('model', directoryOf(tuned, 'model')), digest: 'tuned' };
  const result = await runBody('rlhf.dpo', dpo, { ...dpoParams, model: moved, reference: base, steps: 2 });
  expect(result!.metrics.initial_log_ratio!.value).toBeGreaterThan(0.1);
  expect(result!.metrics.held_out_accuracy_before!.value).toBeCloseTo(
    tuned.metrics.held_out_accuracy_after!.value,
    9,
  );
}, 60_000);

test('a run that diverges and settings that exclude each other end in words', async () => {
  const run = (changes: Record<string, unknown>) => runBody('rlhf.dpo', dpo, { ...dpoParams, ...changes });
  await expect(run({ epochs: 2 })).rejects.toThrow('`steps` and `epochs` both say');
  await expect(run({ loss: 'apo-zero', divergence: 'js' })).rejects.toThrow('no form for the divergence');
  await expect(run({ 'learning-rate': 1e30, 'warm-up': 0 })).rejects.toMatchObject({ code: 'nan-loss' });
}, 60_000);
