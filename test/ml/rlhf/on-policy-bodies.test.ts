import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run as grpo } from '../../../activities/kinds/rlhf.grpo.ts';
import { run as ppo } from '../../../activities/kinds/rlhf.ppo.ts';
import { run as rloo } from '../../../activities/kinds/rlhf.rloo.ts';
import type { ActivityBody, BodyResult } from '../../../compute/types.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, materialised, runBody } from '../../activities/run-body.ts';
import { tinyDirectories } from './tiny.ts';

const directories = tinyDirectories();
const common = {
  model: materialised('model', directories.model),
  prompts: materialised('texts', directories.texts),
  reward: { kind: 'lexicon', lexicon: 'vader', scale: 0.5, clip: 10, scored: 'completion' },
  ...{ steps: 5, batch: 16, 'mini-batch': 8, 'learning-rate': 3e-3 },
  ...{ 'prompt-tokens': [1, 3], 'completion-tokens': [3, 6] },
  // So low that something is always seen: what alarms depend on must survive too.
  alarms: { window: 2, kl: 0.02, distinct: 0.99, length: 1.01 },
};
const extras = {
  ...{ 'value-model': 'separate', 'dual-clip': 3, 'entropy-bonus': 0.01, 'value-dropout': 0.1 },
  ...{ 'scale-rewards': 'normalise', 'clip-rewards': 2, 'missing-eos-penalty': 0.1 },
  ...{ 'whiten-rewards': 'masked', 'weight-decay': 0.01, 'warm-up': 3, schedule: 'linear' },
  kl: { penalty: 'k3', horizon: 100 },
  alarms: { ...common.alarms, 'value-loss': 1.01 },
};
const cases: [string, ActivityBody, Record<string, unknown>][] = [
  ['rlhf.ppo', ppo, { ...common, ...extras }],
  ['rlhf.grpo', grpo, common],
  ['rlhf.rloo', rloo, common],
];

const FILES = { model: 'model.safetensors', history: 'table.json', alarms: 'table.json' };
const bytesOf = (result: BodyResult) =>
  Object.entries(FILES).map(([output, file]) =>
    readFileSync(join(directoryOf(result, output), file), 'latin1'),
  );
const tableOf = (result: BodyResult | null, output: string) =>
  JSON.parse(readFileSync(join(directoryOf(result, output), 'table.json'), 'utf8')) as Table;

describe.each(cases)('%s', (kind, body, params) => {
  let whole: BodyResult;
  beforeAll(async () => {
    whole = (await runBody(kind, body, params))!;
  }, 60_000);

  test('stopped after any step and resumed, it ends with the same bytes', async () => {
    const expected = bytesOf(whole);
    for (let stopAfter = 1; stopAfter < common.steps; stopAfter++) {
      const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
      expect(await runBody(kind, body, params, { stopAfter, checkpoints })).toBeNull();
      const resume = { step: stopAfter, directory: join(checkpoints, String(stopAfter)) };
      const resumed = (await runBody(kind, body, params, { resume }))!;
      expect(
        bytesOf(resumed).map((bytes, i) => bytes === expected[i]),
        `after ${stopAfter}`,
      ).toEqual([true, true, true]);
      expect(resumed.metrics).toEqual(whole.metrics);
    }
  }, 120_000);

  test('has a number for every metric of every step, and none that tells the time', () => {
    const { columns, rows, id } = tableOf(whole, 'history');
    expect(id).toBe(`${kind.slice(5)}-history`);
    const keys = columns.map(({ key }) => key);
    for (const row of rows) expect(Object.keys(row).sort()).toEqual([...keys].sort());
    expect(rows.every((row) => Object.values(row).every(Number.isFinite))).toBe(true);
    const wanted = [
      'reward',
      'kl',
      'kl_k3',
      'entropy',
      'clip_fraction',
      'length',
      'gradient_norm',
      'distinct_2',
    ];
    expect(keys).toEqual(expect.arrayContaining(wanted));
    expect(keys.filter((key) => /second|time/.test(key))).toEqual([]);
    expect(columns.find(({ key }) => key === 'kl')!.definition).toContain('k1');
  });

  test('marks alarms and goes on, or stops with one', async () => {
    const { rows } = tableOf(whole, 'alarms');
    expect(whole.metrics.alarms!.value).toBe(rows.length);
    const alarm = rows.find((row) => row.alarm === 'kl-runaway')!;
    expect(alarm).toMatchObject({
      limit: 0.02,
      message: expect.stringMatching(/nats a token .* over steps/),
    });
    expect(alarm.hint).toContain('learning-rate');
    const stop = { ...(params.alarms as object), action: 'stop', distinct: 0, length: 50, 'value-loss': 1e9 };
    if (kind !== 'rlhf.ppo') delete (stop as Partial<typeof stop>)['value-loss'];
    await expect(runBody(kind, body, { ...params, alarms: stop })).rejects.toMatchObject({
      code: 'kl-runaway',
      message: expect.stringMatching(/, step \d+: The policy runs away/),
      options: { hint: alarm.hint },
    });
  }, 60_000);

  test('sees nothing wrong in a run like any other', async () => {
    const { alarms: _, ...rest } = params;
    const result = (await runBody(kind, body, rest))!;
    expect(result.metrics.alarms!.value).toBe(0);
    expect(tableOf(result, 'alarms').rows).toEqual([]);
  }, 60_000);
});
