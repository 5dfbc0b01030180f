import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run as train } from '../../../activities/kinds/lm.train.ts';
import { run as files } from '../../../activities/kinds/model.files.ts';
import { run as initialise } from '../../../activities/kinds/model.initialise.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { encodeSafetensors, readSafetensors } from '../../../ml/models/safetensors.ts';
import { parameterValues } from '../../../ml/models/save.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const scratch = (name: string) => mkdtempSync(join(tmpdir(), `${name}-`));
const draws = stream(0, 'texts');
const texts = scratch('texts');
const sentence = () =>
  `the ${draws.choice(['plot', 'cast', 'music'])} was ${draws.choice(['good', 'bad', 'slow'])}. i ${draws.choice(['liked', 'hated'])} it.`;
writeFileSync(
  join(texts, 'texts.jsonl'),
  Array.from({ length: 120 }, () => `${JSON.stringify({ text: `${sentence()} ${sentence()}` })}\n`).join(''),
);

const params = {
  data: materialised('texts', texts),
  architecture: {
    ...{ type: 'gpt-neox', layers: 2, width: 16, heads: 2 },
    ...{ 'rotary-fraction': 0.25, 'parallel-residual': true, tied: false },
  },
  tokenizer: { type: 'word-level', size: 100 },
  context: 12,
  batch: 8,
  steps: 30,
  'learning-rate': 1e-2,
};

let trained: BodyResult | null;
beforeAll(async () => {
  trained = await runBody('lm.train', train, params);
}, 120_000);

const modelBytes = (result: BodyResult | null) =>
  readFileSync(join(directoryOf(result, 'model'), 'model.safetensors'));

describe('lm.train', () => {
  test('writes a model that loads with its tokenizer, and learns', async () => {
    const directory = directoryOf(trained, 'model');
    expect(readdirSync(directory).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const tokenizer = loadTokenizer(directory);
    const model = await loadModel(directory);
    expect(model.vocabulary).toBe(tokenizer.vocabularySize);
    expect(model.maxPositions).toBe(256);
    const { held_out_loss, perplexity, train_loss, vocabulary } = trained?.metrics ?? {};
    expect(vocabulary?.value).toBe(model.vocabulary);
    expect(held_out_loss?.value).toBeLessThan(0.6 * Math.log(model.vocabulary));
    expect(train_loss?.value).toBeLessThan(0.6 * Math.log(model.vocabulary));
    expect(held_out_loss?.ci_low).toBeLessThan(held_out_loss?.value as number);
    expect(perplexity?.ci_high).toBeCloseTo(Math.exp(held_out_loss?.ci_high as number), 9);
    const { rows } = JSON.parse(readFileSync(join(directoryOf(trained, 'history'), 'table.json'), 'utf8'));
    expect(rows).toHaveLength(30);
    expect(rows[29].train_loss).toBeLessThan(rows[0].train_loss);
  });

  test.each([3, 8])(
    'stopped after step %i and resumed, it ends with the same bytes',
    async (stopAfter) => {
      const checkpoints = scratch('checkpoints');
      expect(await runBody('lm.train', train, params, { stopAfter, checkpoints })).toBeNull();
      const resume = { step: stopAfter, directory: join(checkpoints, String(stopAfter)) };
      const resumed = await runBody('lm.train', train, params, { resume });
      expect(modelBytes(resumed).equals(modelBytes(trained))).toBe(true);
      expect(resumed?.metrics).toEqual(trained?.metrics);
    },
    120_000,
  );

  test('keeps the best weights, ends early, and does both the same after a resume', async () => {
    // A rate at which the held-out loss falls and then swings.
    const given = {
      ...params,
      steps: 40,
      'learning-rate': 0.2,
      schedule: 'constant',
      'evaluate-every': 2,
      patience: 2,
    };
    const whole = await runBody('lm.train', train, given);
    const checkpoints = scratch('checkpoints');
    expect(await runBody('lm.train', train, given, { stopAfter: 4, checkpoints })).toBeNull();
    const resume = { step: 4, directory: join(checkpoints, '4') };
    const resumed = await runBody('lm.train', train, given, { resume });
    expect(modelBytes(resumed).equals(modelBytes(whole))).toBe(true);
    expect(resumed?.metrics).toEqual(whole?.metrics);
    const { rows } = JSON.parse(readFileSync(join(directoryOf(whole, 'history'), 'table.json'), 'utf8')) as {
      rows: { step: number; held_out_loss?: number }[];
    };
    const evaluations = rows.filter((row) => row.held_out_loss !== undefined);
    const lowest = Math.min(...evaluations.map((row) => row.held_out_loss as number));
    expect(rows.length).toBeLessThan(40);
    expect(whole?.metrics.held_out_loss?.value).toBeCloseTo(lowest, 6);
    expect(evaluations.find((row) => row.held_out_loss === lowest)?.step).toBe(
      whole?.metrics.best_step?.value,
    );
    expect(rows.at(-1)?.step).toBe((whole?.metrics.best_step?.value as number) + 4);
  }, 120_000);

  test('learns completions only, and says so when there are none', async () => {
    const given = { ...params, context: 20, 'mask-prompt': { separator: '.' } };
    // Texts end with a full stop: nothing follows the last one.
    await expect(runBody('lm.train', train, given)).rejects.toThrow('have no completion behind "."');
    const masked = { ...given, 'mask-prompt': { separator: '. i' }, 'micro-batch': 3, steps: 120 };
    const tuned = await runBody('lm.train', train, masked);
    // What follows is liked or hated, then two tokens and the end: a coin a text.
    const perTokens = Math.log(2) / 4;
    expect(tuned?.metrics.held_out_loss?.value).toBeGreaterThan(0.8 * perTokens);
    expect(tuned?.metrics.held_out_loss?.value).toBeLessThan(1.5 * perTokens);
  }, 120_000);

  test('another seed gives another model', async () => {
    const other = await runBody('lm.train', train, { ...params, steps: 2 }, { seed: 1 });
    const same = await runBody('lm.train', train, { ...params, steps: 2 }, { seed: 0 });
    expect(modelBytes(other).equals(modelBytes(same))).toBe(false);
  }, 120_000);

  test('goes on from a given model, with its tokenizer', async () => {
    const { architecture: _, tokenizer: __, ...rest } = params;
    const given = {
      ...rest,
      model: materialised('model', directoryOf(trained, 'model')),
      steps: 5,
      'learning-rate': 1e-4,
    };
    const further = await runBody('lm.train', train, given);
    const [before, after] = [trained, further].map(
      (result) => result?.metrics.held_out_loss?.value as number,
    ) as [number, number];
    expect(Math.abs(after - before)).toBeLessThan(0.1);
    expect(readFileSync(join(directoryOf(further, 'model'), 'tokenizer.json'))).toEqual(
      readFileSync(join(directoryOf(trained, 'model'), 'tokenizer.json')),
    );
  }, 120_000);

  test('says what is too little or too long', async () => {
    await expect(runBody('lm.train', train, { ...params, context: 5000 })).rejects.toThrow(
      'training texts together have fewer than 5001 tokens',
    );
    await expect(runBody('lm.train', train, { ...params, 'held-out': 0.001, context: 40 })).rejects.toThrow(
      '1 held-out texts',
    );
    const architecture = { ...params.architecture, positions: 8 };
    await expect(runBody('lm.train', train, { ...params, architecture })).rejects.toThrow(
      '`context` is 12, but the model has 8 positions',
    );
  });
});

test('model.initialise: the same shape and tokenizer, other weights, the same ones for the same seed', async () => {
  const like = { like: materialised('model', directoryOf(trained, 'model')) };
  const made = await runBody('model.initialise', initialise, like);
  expect(modelBytes(await runBody('model.initialise', initialise, like)).equals(modelBytes(made))).toBe(true);
  expect(
    modelBytes(await runBody('model.initialise', initialise, like, { seed: 1 })).equals(modelBytes(made)),
  ).toBe(false);
  const [own, other] = await Promise.all(
    [made, trained].map((result) => loadModel(directoryOf(result, 'model'))),
  );
  expect([...(own?.parameters.keys() ?? [])]).toEqual([...(other?.parameters.keys() ?? [])]);
  const { data } = parameterValues(own as LanguageModel)['gpt_neox.layers.0.mlp.dense_h_to_4h.weight'] as {
    data: Float32Array;
  };
  const std = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  expect(std).toBeCloseTo(0.02, 2);
  expect(made?.metrics.parameters).toEqual(trained?.metrics.parameters);
});

describe('model.files', () => {
  const read = (directory: string) =>
    runBody('model.files', files, { path: { $path: directory, sha256: 'x' } });
  const copy = () => {
    const directory = scratch('model');
    cpSync(directoryOf(trained, 'model'), directory, { recursive: true });
    return directory;
  };

  test('a directory becomes an artifact with equal weights', async () => {
    const result = await read(copy());
    expect(modelBytes(result).equals(modelBytes(trained))).toBe(true);
  });

  test('shards are joined', async () => {
    const directory = copy();
    const all = [...readSafetensors(join(directory, 'model.safetensors'))];
    const map: Record<string, string> = {};
    for (const shard of [0, 1]) {
      const part = all.filter((_, i) => i % 2 === shard);
      const name = `model-0000${shard + 1}-of-00002.safetensors`;
      writeFileSync(
        join(directory, name),
        encodeSafetensors(
          Object.fromEntries(part.map(([key, { shape, data }]) => [key, { dtype: 'F32', shape, data }])),
        ),
      );
      for (const [key] of part) map[key] = name;
    }
    const sharded = scratch('sharded');
    for (const name of readdirSync(directory))
      if (name !== 'model.safetensors') cpSync(join(directory, name), join(sharded, name));
    writeFileSync(join(sharded, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    expect(modelBytes(await read(sharded)).equals(modelBytes(trained))).toBe(true);
  });

  test.each<[string, (directory: string) => void, string]>([
    ['no config', (d) => renameTo(d, 'config.json', 'x'), 'there is no config.json'],
    ['no tokenizer', (d) => renameTo(d, 'tokenizer.json', 'x'), 'tokenizer.json is missing'],
    ['no weights', (d) => renameTo(d, 'model.safetensors', 'x'), 'neither model.safetensors nor'],
    [
      'a pickle',
      (d) => renameTo(d, 'model.safetensors', 'pytorch_model.bin'),
      'pytorch_model.bin is a pickle, which can run any code',
    ],
    [
      'another architecture',
      (d) => edit(d, 'config.json', (c) => ({ ...c, model_type: 'mamba' })),
      'model_type "mamba" is not supported',
    ],
    [
      'another width',
      (d) => edit(d, 'config.json', (c) => ({ ...c, hidden_size: 32 })),
      'but config.json makes it',
    ],
    [
      'scaled rotary',
      (d) => edit(d, 'config.json', (c) => ({ ...c, rope_scaling: { type: 'linear', factor: 2 } })),
      'rotary scaling',
    ],
    [
      'a missing field',
      (d) => edit(d, 'config.json', ({ hidden_size: _, ...c }) => c),
      '"hidden_size" is missing',
    ],
    [
      'another activation',
      (d) => edit(d, 'config.json', (c) => ({ ...c, hidden_act: 'mish' })),
      'activation "mish"',
    ],
    [
      'a missing tensor',
      (d) => editWeights(d, (t) => t.delete('embed_out.weight')),
      'the tensor embed_out.weight is missing',
    ],
    [
      'a tensor too many',
      (d) => editWeights(d, (t) => t.set('lora.weight', { shape: [1], data: new Float32Array(1) })),
      'the first is lora.weight',
    ],
    [
      'a NaN',
      (d) => editWeights(d, (t) => t.get('embed_out.weight')?.data.fill(Number.NaN)),
      'output is not finite',
    ],
    [
      'truncated weights',
      (d) =>
        writeFileSync(
          join(d, 'model.safetensors'),
          readFileSync(join(d, 'model.safetensors')).subarray(0, -8),
        ),
      'is truncated',
    ],
  ])('%s: refused, saying so', async (_name, damage, message) => {
    const directory = copy();
    damage(directory);
    await expect(read(directory)).rejects.toThrow(message);
    await expect(read(directory)).rejects.toMatchObject({ name: 'ComputeError' });
  });
});

function renameTo(directory: string, from: string, to: string): void {
  writeFileSync(join(directory, to), readFileSync(join(directory, from)));
  rmSync(join(directory, from));
}

function edit(directory: string, file: string, change: (content: Record<string, unknown>) => unknown): void {
  const path = join(directory, file);
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
}

function editWeights(
  directory: string,
  change: (tensors: Map<string, { shape: number[]; data: Float32Array | Int32Array }>) => unknown,
): void {
  const path = join(directory, 'model.safetensors');
  const tensors = new Map(
    [...readSafetensors(path)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data as Float32Array | Int32Array },
    ]),
  );
  change(tensors);
  writeFileSync(
    path,
    encodeSafetensors(Object.fromEntries([...tensors].map(([name, t]) => [name, { dtype: 'F32', ...t }]))),
  );
}
