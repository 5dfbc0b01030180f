import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run as lmTrain } from '../../../activities/kinds/lm.train.ts';
import { run as dpo } from '../../../activities/kinds/rlhf.dpo.ts';
import { run as grpo } from '../../../activities/kinds/rlhf.grpo.ts';
import { run as ppo } from '../../../activities/kinds/rlhf.ppo.ts';
import type { ActivityBody, BodyResult } from '../../../compute/types.ts';
import { readSafetensors } from '../../../ml/models/safetensors.ts';
import { TEXTS, tinyDirectories } from '../../ml/rlhf/tiny.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const directories = tinyDirectories();
const model = materialised('model', directories.model);
const texts = materialised('texts', directories.texts);

/** So few random words that the held-out loss soon rises. */
const few = materialised('texts', mkdtempSync(join(tmpdir(), 'few-')));
writeFileSync(
  join(few.directory, 'texts.jsonl'),
  TEXTS.slice(0, 12)
    .map((text) => `${JSON.stringify({ text })}\n`)
    .join(''),
);

const preferences = materialised('preferences', mkdtempSync(join(tmpdir(), 'preferences-')));
writeFileSync(
  join(preferences.directory, 'preferences.jsonl'),
  TEXTS.slice(0, 40)
    .map((prompt) => `${JSON.stringify({ prompt, chosen: ' it was good', rejected: ' it was bad' })}\n`)
    .join(''),
);

const KINDS: [string, ActivityBody, Record<string, unknown>][] = [
  // The best weights are not the last ones: the adapter must be that of the weights that are kept.
  [
    'lm.train',
    lmTrain,
    {
      ...{ data: few, model, context: 8, batch: 8, steps: 40, 'learning-rate': 0.1, schedule: 'constant' },
      ...{ 'evaluate-every': 1, 'held-out': 0.4 },
    },
  ],
  [
    'rlhf.ppo',
    ppo,
    {
      ...{ model, prompts: texts, reward: { kind: 'lexicon' }, steps: 4, batch: 8, 'mini-batch': 4 },
      ...{ 'prompt-tokens': [1, 3], 'completion-tokens': [3, 6] },
    },
  ],
  [
    'rlhf.grpo',
    grpo,
    {
      ...{ model, prompts: texts, reward: { kind: 'lexicon' }, steps: 4, batch: 8, 'mini-batch': 4 },
      ...{ 'prompt-tokens': [1, 3], 'completion-tokens': [3, 6], 'learning-rate': 1e-2 },
    },
  ],
  ['rlhf.dpo', dpo, { model, preferences, steps: 4, batch: 8 }],
];

const tensorsOf = (directory: string, file: string) => readSafetensors(join(directory, file));

/** W0 + alpha / rank B A, of weights [out, in]. */
function merged(start: Float32Array, a: Float32Array, b: Float32Array, [rank, inputs]: [number, number]) {
  return start.map((value, at) => {
    const row = Math.floor(at / inputs);
    let sum = 0;
    for (let r = 0; r < rank; r++)
      sum += (b[row * rank + r] as number) * (a[r * inputs + (at % inputs)] as number);
    return value + 2 * sum;
  });
}

test.each(KINDS)(
  '%s with `lora` gives a merged model and the adapter that it is merged from',
  async (kind, body, params) => {
    const lora = { rank: 4, alpha: 8, targets: 'all-linear' };
    const result = (await runBody(kind, body, { ...params, lora })) as BodyResult;
    expect(readdirSync(directoryOf(result, 'adapter')).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    const adapter = tensorsOf(directoryOf(result, 'adapter'), 'adapter_model.safetensors');
    const before = tensorsOf(directories.model, 'model.safetensors');
    let changed = 0;
    for (const [name, { data }] of tensorsOf(directoryOf(result, 'model'), 'model.safetensors')) {
      const start = before.get(name)!.data as Float32Array;
      const a = adapter.get(`base_model.model.${name.replace(/weight$/, 'lora_A.weight')}`);
      const b = adapter.get(`base_model.model.${name.replace(/weight$/, 'lora_B.weight')}`);
      if (!a || !b) {
        expect(data, name).toEqual(start);
        continue;
      }
      changed++;
      expect(data, name).not.toEqual(start);
      const expected = merged(
        start,
        a.data as Float32Array,
        b.data as Float32Array,
        a.shape as [number, number],
      );
      const worst = Math.max(...expected.map((value, i) => Math.abs(value - (data[i] as number))));
      expect(worst / Math.max(...expected.map(Math.abs)), name).toBeLessThan(1e-6);
    }
    expect(changed).toBe(8);
    expect(adapter.size).toBe(16);
    if (kind === 'lm.train') {
      expect(result.metrics.best_step!.value).toBeLessThan(40);
      // rank (in + out) of the four matrices of two blocks, of width 32 and inner width 64.
      expect(result.metrics.parameters!.value).toBe(2 * 4 * (32 + 96 + 32 + 32 + 2 * (32 + 64)));
    }
  },
);

test.each(KINDS)(
  '%s with `lora`, stopped and resumed, ends with the same bytes',
  async (kind, body, given) => {
    const params = { ...given, lora: {} };
    const whole = (await runBody(kind, body, params)) as BodyResult;
    const checkpoints = mkdtempSync(join(tmpdir(), 'checkpoints-'));
    expect(await runBody(kind, body, params, { stopAfter: 3, checkpoints })).toBeNull();
    const resume = { step: 3, directory: join(checkpoints, '3') };
    const resumed = (await runBody(kind, body, params, { resume })) as BodyResult;
    for (const output of ['model', 'adapter', 'history']) {
      for (const file of readdirSync(directoryOf(whole, output))) {
        const read = (result: BodyResult) => readFileSync(join(directoryOf(result, output), file));
        expect(read(resumed).equals(read(whole)), file).toBe(true);
      }
    }
    expect(resumed.metrics).toEqual(whole.metrics);
    // What is frozen is not in a checkpoint: it holds A, B and their moments (and the value head of PPO).
    const names = [...readSafetensors(join(checkpoints, '3', 'state.safetensors')).keys()];
    expect(names.filter((name) => /^parameter\/.*layers/.test(name)).length).toBe(4);
  },
);
