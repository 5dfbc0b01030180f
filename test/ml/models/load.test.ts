import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadModel } from '../../../ml/models/load.ts';
import { decodeSafetensors, readSafetensors, writeSafetensors } from '../../../ml/models/safetensors.ts';
import { saveModel } from '../../../ml/models/save.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { forgeSafetensors } from './forge-safetensors.ts';

const TINY = 'test/fixtures/tiny-models';
const scratch = mkdtempSync(join(tmpdir(), 'checkpoints-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A copy of a tiny model that a test may break. */
function copy(name: string): string {
  const directory = mkdtempSync(join(scratch, `${name}-`));
  cpSync(join(TINY, name), directory, { recursive: true });
  return directory;
}

const weightsOf = (directory: string) => readSafetensors(join(directory, 'model.safetensors'));
type Weights = Record<string, { dtype: 'F32'; shape: number[]; data: Float32Array }>;
function rewrite(directory: string, change: (weights: Weights) => void): void {
  const weights = Object.fromEntries(weightsOf(directory)) as unknown as Weights;
  change(weights);
  writeSafetensors(join(directory, 'model.safetensors'), weights);
}

function expectSameParameters(a: LanguageModel, b: LanguageModel): void {
  expect([...a.parameters.keys()]).toEqual([...b.parameters.keys()]);
  for (const [name, parameter] of a.parameters)
    expect(parameter.dataSync(), name).toEqual(b.parameters.get(name)?.dataSync());
}

describe('saved as it was loaded', () => {
  test.each(['gpt2', 'gpt_neo', 'gpt_neox', 'gemma', 'llama', 'llama_biased', 'qwen2', 'qwen3'])(
    '%s keeps the names and values of its checkpoint',
    async (name) => {
      const directory = mkdtempSync(join(scratch, 'saved-'));
      const model = await loadModel(join(TINY, name));
      saveModel(model, [], directory);
      expect(weightsOf(directory)).toEqual(new Map([...weightsOf(join(TINY, name))].sort(byName)));
      const { dtype, ...config } = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
      expect(dtype).toBe('float32');
      expect({ ...config, dtype }).toEqual(model.config);
      model.dispose();
    },
  );

  test('above a size in shards, with an index that names each tensor once', async () => {
    const directory = mkdtempSync(join(scratch, 'sharded-'));
    const model = await loadModel(join(TINY, 'llama'));
    saveModel(model, [], directory, { shardBytes: 20_000 });
    const files = readdirSync(directory).sort();
    const shards = files.filter((file) => file.endsWith('.safetensors'));
    expect(shards.length).toBeGreaterThan(3);
    expect(shards[0]).toMatch(/^model-00001-of-0000\d\.safetensors$/);
    const { weight_map, metadata } = JSON.parse(
      readFileSync(join(directory, 'model.safetensors.index.json'), 'utf8'),
    );
    expect(Object.keys(weight_map)).toEqual([...model.parameters.keys()]);
    expect(metadata.total_size).toBe(4 * [...model.parameters.values()].reduce((sum, p) => sum + p.size, 0));
    for (const shard of shards) {
      const size = [...readSafetensors(join(directory, shard)).values()].reduce(
        (sum, t) => sum + 4 * t.data.length,
        0,
      );
      expect(size).toBeLessThanOrEqual(20_000);
    }
    const again = await loadModel(directory);
    expectSameParameters(again, model);
    again.dispose();
    model.dispose();
  });
});

describe('half precision', () => {
  test.each(['F16', 'BF16'] as const)('%s is widened exactly', async (dtype) => {
    const directory = copy('qwen2');
    const path = join(directory, 'model.safetensors');
    const stored = [...weightsOf(directory).entries()];
    const halves = stored.map(([name, { shape, data }]) => {
      const bits = new Uint16Array(data.length);
      // Any bits will do that are not infinite: what is tested is that they mean the same on both ways.
      const floats = new Uint32Array((data as Float32Array).buffer);
      for (let i = 0; i < bits.length; i++)
        bits[i] = dtype === 'BF16' ? (floats[i] as number) >>> 16 : ((floats[i] as number) >>> 16) & 0xbbff;
      return { name, shape, bytes: new Uint8Array(bits.buffer) };
    });
    writeFileSync(path, forgeSafetensors(dtype, halves));
    const whole = decodeSafetensors(readFileSync(path));
    const model = await loadModel(directory);
    for (const [name, parameter] of model.parameters)
      expect(parameter.dataSync(), name).toEqual(whole.get(name)?.data);
    model.dispose();
  });
});

describe('names', () => {
  test('a checkpoint of the bare decoder, with buffers that old versions saved, is read', async () => {
    const directory = copy('gpt2');
    rewrite(directory, (weights) => {
      for (const [name, tensor] of Object.entries(weights)) {
        delete weights[name];
        weights[name.replace('transformer.', '')] = tensor;
      }
      weights['h.0.attn.bias'] = { dtype: 'F32', shape: [1, 1, 2, 2], data: new Float32Array(4) };
      weights['lm_head.weight'] = weights['wte.weight'] as Weights[string];
    });
    const model = await loadModel(directory);
    const original = await loadModel(join(TINY, 'gpt2'));
    expectSameParameters(model, original);
    model.dispose();
    original.dispose();
  });
});

describe('what is wrong is named', () => {
  const gain = 'model.layers.1.input_layernorm.weight';
  const SHARDS = { shardBytes: 20_000 };
  async function sharded(): Promise<{ directory: string; index: string; first: string }> {
    const directory = mkdtempSync(join(scratch, 'broken-'));
    const model = await loadModel(join(TINY, 'llama'));
    saveModel(model, [], directory, SHARDS);
    model.dispose();
    const first = readdirSync(directory).find((file) => file.startsWith('model-00001')) as string;
    return { directory, index: join(directory, 'model.safetensors.index.json'), first };
  }
  const failing = (directory: string) =>
    loadModel(directory).then(
      () => 'loaded',
      (error) => error,
    );
  async function expectFailure(directory: string, message: string | RegExp): Promise<void> {
    const error = await failing(directory);
    expect(error).toMatchObject({ code: 'bad-model' });
    expect(error.message).toMatch(message);
  }

  test('a missing tensor', async () => {
    const directory = copy('llama');
    rewrite(directory, (weights) => delete weights[gain]);
    await expectFailure(directory, `the tensor ${gain} is missing`);
  });

  test('a tensor of another shape', async () => {
    const directory = copy('llama');
    rewrite(directory, (weights) => {
      weights[gain] = { dtype: 'F32', shape: [31], data: new Float32Array(31) };
    });
    await expectFailure(directory, `the tensor ${gain} has shape [31], but config.json makes it [32]`);
  });

  test('a tensor of whole numbers', async () => {
    const directory = copy('llama');
    rewrite(directory, (weights) => {
      weights[gain] = { dtype: 'I32', shape: [32], data: new Int32Array(32) } as never;
    });
    const error = await failing(directory);
    expect(error.message).toContain(`the tensor ${gain} holds I32`);
    expect(error.options.hint).toContain('quantised');
  });

  test('a tensor that has no place', async () => {
    const directory = copy('llama');
    rewrite(directory, (weights) => {
      weights['model.vision.weight'] = { dtype: 'F32', shape: [1], data: new Float32Array(1) };
    });
    await expectFailure(directory, 'the first is model.vision.weight');
  });

  test('a truncated file', async () => {
    const directory = copy('llama');
    const path = join(directory, 'model.safetensors');
    truncateSync(path, readFileSync(path).length - 100);
    await expectFailure(directory, /is truncated: tensor \S+ ends at byte/);
  });

  test('pickles, with how to convert them', async () => {
    const directory = copy('llama');
    rmSync(join(directory, 'model.safetensors'));
    await expectFailure(directory, 'there is neither model.safetensors nor');
    writeFileSync(join(directory, 'pytorch_model.bin'), 'PK');
    const error = await failing(directory);
    expect(error.message).toContain('pytorch_model.bin is a pickle, which can run any code');
    expect(error.options.hint).toContain('save_pretrained');
  });

  test('shards: one that is gone, one that is cut, and an index that lies', async () => {
    const gone = await sharded();
    rmSync(join(gone.directory, gone.first));
    await expectFailure(gone.directory, `names ${gone.first}, which is not there`);

    const cut = await sharded();
    truncateSync(join(cut.directory, cut.first), 1500);
    await expectFailure(cut.directory, /is truncated/);

    const lying = await sharded();
    const text = JSON.parse(readFileSync(lying.index, 'utf8'));
    const moved = text.weight_map['model.embed_tokens.weight'];
    text.weight_map[gain] = moved;
    writeFileSync(lying.index, JSON.stringify(text));
    await expectFailure(lying.directory, `says that the tensor ${gain} is in ${moved}, but it is in`);
    text.weight_map[gain] = '../elsewhere.safetensors';
    writeFileSync(lying.index, JSON.stringify(text));
    await expectFailure(lying.directory, 'is not the name of a safetensors file beside it');
    writeFileSync(lying.index, '{"weight_map": 3}');
    await expectFailure(lying.directory, 'has no weight_map');
    writeFileSync(lying.index, '{"weight');
    await expectFailure(lying.directory, 'index.json is not JSON');
  });

  test('a tensor in two shards', async () => {
    const { directory, index, first } = await sharded();
    const second = first.replace('00001', '00002');
    const all = (name: string) =>
      Object.fromEntries(readSafetensors(join(directory, name))) as unknown as Weights;
    writeSafetensors(join(directory, second), { ...all(second), ...all(first) });
    expect(readFileSync(index, 'utf8')).toContain(second);
    await expectFailure(directory, /the tensor model\.embed_tokens\.weight is both in/);
  });

  test('a config that is none', async () => {
    const directory = mkdtempSync(join(scratch, 'none-'));
    await expectFailure(directory, 'there is no config.json');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'config.json'), '[1]');
    await expectFailure(directory, 'not a JSON object');
  });
});

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);
