import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { run as saeFiles } from '../../../activities/kinds/sae.files.ts';
import { run as saeHub } from '../../../activities/kinds/sae.hub.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { encodeSafetensors, readSafetensors, type WritableTensor } from '../../../ml/models/safetensors.ts';
import { loadDictionary } from '../../../ml/sae/load.ts';
import { type HubServer, hubServer } from '../../servers/hub-server.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const FIXTURES = 'test/fixtures/dictionaries';
const scratch = () => mkdtempSync(join(tmpdir(), 'dictionaries-'));
function copy(name: string): string {
  const directory = join(scratch(), name);
  cpSync(join(FIXTURES, name), directory, { recursive: true });
  return directory;
}
const read = (directory: string, given: Record<string, unknown> = {}): Promise<BodyResult | null> =>
  runBody('sae.files', saeFiles, { path: { $path: directory, sha256: '0'.repeat(64) }, ...given });

describe('sae.files', () => {
  test('makes an artifact that later steps open, in its own numbers', async () => {
    const model = materialised('model', FIXTURES);
    const result = await read(join(FIXTURES, 'saelens-gated'), { model });
    expect(result?.outputs).toMatchObject({ layer: 1, site: 'mlp_out' });
    expect(result?.metrics).toEqual({ features: { value: 10 }, width: { value: 6 } });
    const dictionary = loadDictionary(directoryOf(result, 'sae'));
    expect(dictionary).toMatchObject({ variant: 'gated', layer: 1, site: 'mlp_out', width: 6, features: 10 });
    expect(dictionary.config).toMatchObject({
      ...{ activation: { type: 'jumprelu' }, data: '', model: model.digest, maxLength: 64 },
      training: { format: 'saelens' },
    });
    dictionary.dispose();
  });

  test('reads what it wrote itself: the same bytes of weights again', async () => {
    const once = directoryOf(await read(join(FIXTURES, 'dictionary-learning-batch-topk')), 'sae');
    const again = directoryOf(await read(once), 'sae');
    const weights = (directory: string) => readFileSync(join(directory, 'sae_weights.safetensors'));
    expect(weights(again).equals(weights(once))).toBe(true);
    expect(loadDictionary(again).variant).toBe('batch-topk');
  });

  test('where the files do not say what it reads, the step must; what they say is not overruled', async () => {
    const sparsify = join(FIXTURES, 'sparsify-layers.1.mlp');
    // The name of the directory is no part of the key, so it does not count.
    await expect(read(sparsify)).rejects.toMatchObject({
      code: 'bad-parameter',
      message: expect.stringContaining('do not say which layer it reads'),
      options: { hint: 'give `layer`' },
    });
    await expect(read(sparsify, { layer: 3 })).rejects.toThrow('do not say which site it reads');
    const result = await read(sparsify, { layer: 3, site: 'block_in' });
    expect(result?.outputs).toMatchObject({ layer: 3, site: 'block_in' });
    await expect(read(join(FIXTURES, 'saelens-topk'), { layer: 2 })).rejects.toMatchObject({
      code: 'bad-parameter',
      message: expect.stringContaining('its files say layer 1, the experiment 2'),
    });
    await expect(read(join(FIXTURES, 'dictionary-learning-gated-anneal'))).rejects.toThrow(
      'do not say which site it reads',
    );
  });

  test.each<[string, string, (directory: string) => void, string]>([
    ['no files', 'saelens-topk', (d) => rmSync(join(d, 'cfg.json')), 'there is sae_weights.safetensors, but'],
    ['nothing', 'saelens-topk', empty, 'there is no dictionary in it'],
    [
      'cfg.json is not JSON',
      'saelens-topk',
      (d) => writeFileSync(join(d, 'cfg.json'), '{'),
      'it is not JSON',
    ],
    [
      'cfg.json is a list',
      'saelens-topk',
      (d) => writeFileSync(join(d, 'cfg.json'), '[]'),
      'not a JSON object',
    ],
    [
      'another architecture',
      'saelens-topk',
      edit({ architecture: 'temporal' }),
      '"temporal" is not supported',
    ],
    ['signed features', 'saelens-topk', edit({ architecture: 'abstopk' }), '"abstopk" is not supported'],
    ['an architecture of Object', 'saelens-topk', edit({ architecture: 'toString' }), '"toString" is not'],
    ['no k', 'saelens-topk', edit({ k: undefined }), 'k is missing, but should lie between 1 and d_sae, 10'],
    ['k above F', 'saelens-topk', edit({ k: 11 }), 'k is 11, but should lie between'],
    ['a broken k', 'saelens-topk', edit({ k: 2.5 }), 'k should be a whole number of at least 1, but is 2.5'],
    [
      'another width',
      'saelens-topk',
      edit({ d_in: 7 }),
      'W_enc should have the shape [7,10], but has [6,10]',
    ],
    ['no width', 'saelens-topk', edit({ d_in: null }), 'd_in or d_sae is missing'],
    ['a text for a flag', 'saelens-topk', edit({ apply_b_dec_to_input: 'no' }), 'should be true or false'],
    [
      'a norm that depends on the activation',
      'saelens-topk',
      edit({ normalize_activations: 'layer_norm' }),
      'normalize_activations is "layer_norm", which depends on each activation',
    ],
    [
      'a scale that nothing tells',
      'saelens-topk',
      edit({ normalize_activations: 'expected_average_only_in' }),
      'but no activation_scaler.json says by how much',
    ],
    ['heads', 'saelens-topk', edit({ reshape_activations: 'hook_z' }), 'it reads the heads of attention'],
    ['one head', 'saelens-topk', edit({ metadata: { hook_head_index: 3 } }), 'it reads a single head'],
    [
      'a changed model',
      'saelens-topk',
      edit({ metadata: { model_from_pretrained_kwargs: { center_writing_weights: true } } }),
      'center_writing_weights is set',
    ],
    ['a hook of nowhere', 'saelens-topk', edit({ metadata: { hook_name: 'hook_embed' } }), 'say which layer'],
    [
      'fine-tuned',
      'saelens-5',
      edit({ finetuning_scaling_factor: true }),
      'have a finetuning_scaling_factor',
    ],
    ['a missing tensor', 'saelens-gated', weights((t) => delete t.r_mag), 'the tensor r_mag is missing'],
    ['a tensor too many', 'saelens-topk', weights((t) => (t.extra = one())), 'it has a tensor extra'],
    ['a factor', 'saelens-topk', weights((t) => (t.scaling_factor = ten(2))), 'scaling_factor that is not 1'],
    [
      'a NaN',
      'saelens-topk',
      weights((t) => t.W_dec?.data.fill(Number.NaN, 3, 4)),
      'W_dec is not finite: it holds NaN at 3',
    ],
    [
      'whole numbers',
      'saelens-topk',
      weights((t) => (t.b_dec = whole())),
      'b_dec should hold floating-point',
    ],
    ['a truncated file', 'saelens-topk', truncate('sae_weights.safetensors'), 'is truncated'],
    ['a truncated pickle', 'dictionary-learning-topk', truncate('ae.pt'), 'it is no zip archive'],
    ['a transcoder', 'dictionary-learning-topk', editTrainer({}, { io: 'in_and_out' }), 'it is a transcoder'],
    [
      'another class',
      'dictionary-learning-topk',
      editTrainer({ dict_class: 'IdentityDict' }),
      '"IdentityDict" is not',
    ],
    ['no class', 'dictionary-learning-topk', editTrainer({ dict_class: null }), 'the dict_class null is not'],
    [
      'the wrong class',
      'dictionary-learning-topk',
      editTrainer({ dict_class: 'GatedAutoEncoder' }),
      'gate_bias is missing',
    ],
    [
      'a negative layer',
      'dictionary-learning-topk',
      editTrainer({ layer: -1 }),
      'layer should be a whole number',
    ],
    ['a transcoder of sparsify', 'sparsify-layers.1.mlp', edit({ transcode: true }), 'it is a transcoder'],
    ['groups', 'sparsify-layers.1.mlp', edit({ activation: 'groupmax' }), '"groupmax" is not supported'],
    ['signed', 'sparsify-layers.1.mlp', edit({ signed: true }), 'its features may be negative'],
    ['another width', 'sparsify-layers.1.mlp', edit({ d_in: 8 }), 'd_in is 8, but encoder.weight is [10, 6]'],
  ])('%s of %s: refused, saying so', async (_what, name, damage, message) => {
    const directory = copy(name);
    damage(directory);
    const error = await read(directory).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'ComputeError', code: expect.stringMatching(/^bad-/) });
    expect((error as Error).message).toContain(message);
  });

  test('a factor that is 1 everywhere, which old files have, says nothing', async () => {
    const directory = copy('saelens-topk');
    weights((tensors) => (tensors.scaling_factor = ten(1)))(directory);
    expect(await read(directory)).not.toBeNull();
  });
});

describe('sae.hub', () => {
  const commit = 'a'.repeat(40);
  let server: HubServer;
  beforeAll(async () => {
    const below = (folder: string, name: string) =>
      Object.fromEntries(
        readdirSync(join(FIXTURES, name)).map((file) => [
          folder === '' ? file : `${folder}/${file}`,
          readFileSync(join(FIXTURES, name, file)),
        ]),
      );
    const common = { type: 'model' as const, commit, branches: ['main'], lfs: [] };
    server = await hubServer([
      {
        ...common,
        id: 'team/layers',
        files: {
          ...below('layers.1.mlp', 'sparsify-layers.1.mlp'),
          ...below('layers.3', 'sparsify-layers.1.mlp'),
          ...below('run/trainer_0', 'dictionary-learning-topk'),
          'README.md': Buffer.from('Dictionaries.'),
        },
      },
      {
        ...common,
        id: 'team/one',
        files: { ...below('', 'saelens-training-batchtopk-scaled'), 'trainer_state.pt': Buffer.from('x') },
      },
    ]);
  });
  afterAll(() => server.close());
  afterEach(() => vi.unstubAllEnvs());
  const fetch = (given: Record<string, unknown>) => {
    vi.stubEnv('HF_ENDPOINT', server.endpoint);
    vi.stubEnv('HF_HUB_CACHE', scratch());
    return runBody('sae.hub', saeHub, { revision: 'main', ...given });
  };

  test('one of many: the folder that names its hookpoint says where it reads', async () => {
    const result = await fetch({ repository: 'team/layers', folder: 'layers.1.mlp' });
    expect(result?.outputs).toMatchObject({ layer: 1, site: 'mlp_out', commit });
    const other = await fetch({ repository: 'team/layers', folder: 'layers.3' });
    expect(other?.outputs).toMatchObject({ layer: 3, site: 'block_out' });
    const trained = await fetch({ repository: 'team/layers', folder: 'run/trainer_0' });
    expect(loadDictionary(directoryOf(trained, 'sae')).variant).toBe('topk');
    expect(server.requests.some(({ path }) => path.includes('README'))).toBe(false);
  });

  test('at the top of a repository, with the scale that lies beside it; nothing else is fetched', async () => {
    const result = await fetch({ repository: 'team/one' });
    expect(loadDictionary(directoryOf(result, 'sae')).config.trainingScale).toBe(0.7);
    expect(server.requests.some(({ path }) => path.includes('trainer_state'))).toBe(false);
  });

  test('a folder without one: the folders that have one are named', async () => {
    await expect(fetch({ repository: 'team/layers' })).rejects.toMatchObject({
      code: 'bad-dictionary',
      message: 'the repository has no dictionary in its top folder',
      options: { hint: 'Give as `folder` one of: layers.1.mlp, layers.3, run/trainer_0.' },
    });
  });

  test.each(['../other', '/etc', 'a//b', 'a/../b'])(
    'the folder %s is no folder of a repository',
    async (folder) => {
      await expect(fetch({ repository: 'team/layers', folder })).rejects.toThrow();
      expect(server.requests.some(({ path }) => path.includes('..'))).toBe(false);
    },
  );
});

function empty(directory: string): void {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
}

/** Sets fields of cfg.json; undefined removes one. */
function edit(fields: Record<string, unknown>): (directory: string) => void {
  return (directory) => {
    const path = join(directory, 'cfg.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...fields }));
  };
}

function editTrainer(
  trainer: Record<string, unknown>,
  buffer: Record<string, unknown> = {},
): (directory: string) => void {
  return (directory) => {
    const path = join(directory, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...config, trainer: { ...config.trainer, ...trainer }, buffer }));
  };
}

function weights(change: (tensors: Record<string, WritableTensor>) => unknown): (directory: string) => void {
  return (directory) => {
    const path = join(directory, 'sae_weights.safetensors');
    const tensors = Object.fromEntries(
      [...readSafetensors(path)].map(([name, { shape, data }]): [string, WritableTensor] => [
        name,
        { dtype: 'F32', shape, data },
      ]),
    );
    change(tensors);
    writeFileSync(path, encodeSafetensors(tensors));
  };
}

const one = (): WritableTensor => ({ dtype: 'F32', shape: [1], data: new Float32Array(1) });
const ten = (value: number): WritableTensor => ({
  dtype: 'F32',
  shape: [10],
  data: new Float32Array(10).fill(value),
});
const whole = (): WritableTensor => ({ dtype: 'I32', shape: [6], data: new Int32Array(6) });

function truncate(file: string): (directory: string) => void {
  return (directory) => {
    const path = join(directory, file);
    writeFileSync(path, readFileSync(path).subarray(0, -60));
  };
}
