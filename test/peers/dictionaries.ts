import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportArtifact } from '../../cli/commands/artifacts-export.ts';
import { startEngine, tensorflow } from '../../ml/engine/engine.ts';
import type { RandomStream } from '../../ml/random/stream.ts';
import { stream } from '../../ml/random/stream.ts';
import {
  createDictionary,
  type Dictionary,
  type DictionaryConfig,
  type DictionaryWeights,
} from '../../ml/sae/dictionary.ts';
import { readDictionaryFiles } from '../../ml/sae/files/read.ts';
import { saveDictionary } from '../../ml/sae/save.ts';
import { putArtifact } from '../../store/artifacts.ts';
import { openStore } from '../../store/open.ts';
import { acceptResult } from '../../store/results.ts';
import type { PointRecord } from '../../store/types.ts';

const WIDTH = 64;
const FEATURES = 256;

interface Expected {
  x: number[][];
  /** By directory below `ours` and `theirs`. */
  dictionaries: Record<string, { features: number[][]; reconstruction: number[][] }>;
}

/**
 * DIRECTORY/theirs holds what dictionaries.py had the packages write, DIRECTORY/x.json activations. Takes dictionaries of every
 * kind out by `plumb artifacts export --to saelens` to DIRECTORY/ours/<name>, reads those of the packages as `sae.files` does,
 * and writes DIRECTORY/expected.json: what we compute with each.
 */
export async function prepare(_root: string, directory: string): Promise<void> {
  await startEngine();
  process.env.PLUMBLINE_DIRECTORY = join(directory, '.plumb');
  process.env.PLUMBLINE_STORE = join(directory, '.plumb', 'store');
  const x = JSON.parse(readFileSync(join(directory, 'x.json'), 'utf8')) as number[][];
  const expected: Expected = { x, dictionaries: {} };
  for (const [name, change] of Object.entries(OURS)) {
    const config: DictionaryConfig = { ...BASE, ...change, variant: name };
    const weights = randomWeights(config, stream(3, `dictionaries/${name}`));
    await exportOne(name, directory, config, weights);
    expected.dictionaries[`ours/${name}`] = computed(createDictionary(config, weights), x);
  }
  for (const name of readdirSync(join(directory, 'theirs'))) {
    const path = join(directory, 'theirs', name);
    // One class of dictionary_learning does not write the name of its submodule.
    const chosen = name.endsWith('gated-anneal') ? ({ site: 'mlp_out' } as const) : {};
    const { config, weights } = readDictionaryFiles(path, chosen, name.replace('sparsify-', ''));
    expected.dictionaries[`theirs/${name}`] = computed(createDictionary(config, weights), x);
  }
  writeFileSync(join(directory, 'expected.json'), JSON.stringify(expected));
}

const BASE: Omit<DictionaryConfig, 'variant'> = {
  ...{ layer: 1, site: 'mlp_out', width: WIDTH, features: FEATURES },
  ...{ activation: { type: 'relu' }, subtractsDecoderBias: true, trainingScale: 1, threshold: null },
  ...{ model: 'm', data: 'd', texts: { total: 0, visited: 0, shuffle: null } },
  ...{ skippedPositions: 1, maxLength: 128, training: {} },
};

/** Every way in which a dictionary of ours computes, by a variant that does. */
const OURS: Record<string, Partial<DictionaryConfig>> = {
  'l1-tied': { subtractsDecoderBias: false },
  standard: {},
  topk: { activation: { type: 'topk', k: 8 } },
  'batch-topk': { activation: { type: 'jumprelu' } },
  jumprelu: { activation: { type: 'jumprelu' }, site: 'block_out', subtractsDecoderBias: false },
  gated: { activation: { type: 'jumprelu' }, site: 'attention_out' },
  transcoder: {
    subtractsDecoderBias: false,
    site: 'mlp_in',
    writes: { layer: 1, site: 'mlp_out', width: 48, skip: false },
  },
  'skip-transcoder': {
    subtractsDecoderBias: false,
    site: 'mlp_in',
    writes: { layer: 1, site: 'mlp_out', width: 48, skip: true },
  },
};

function randomWeights(config: DictionaryConfig, random: RandomStream): DictionaryWeights {
  const normal = (length: number, spread: number) =>
    Float32Array.from({ length }, () => spread * random.normal());
  const { width: D, features: F, activation, variant, writes } = config;
  const E = writes?.width ?? D;
  const W_enc = normal(D * F, 0.2);
  const W_dec = normal(F * E, 0.2);
  if (variant === 'l1-tied')
    for (let i = 0; i < W_dec.length; i++) W_dec[i] = W_enc[(i % D) * F + Math.floor(i / D)] as number;
  return {
    W_enc,
    W_dec,
    b_enc: normal(F, 0.2),
    b_dec: normal(E, 0.2),
    ...(activation.type === 'jumprelu' && { threshold: normal(F, 0.5).map(Math.abs) }),
    ...(writes?.skip && { W_skip: normal(E * D, 0.1) }),
  };
}

async function exportOne(
  name: string,
  directory: string,
  config: DictionaryConfig,
  weights: DictionaryWeights,
): Promise<void> {
  const store = openStore(join(directory, '.plumb', 'store'));
  const saved = join(directory, '.saved', name);
  saveDictionary(saved, config, weights);
  const artifact = await putArtifact(store, 'sae', saved, { consume: true });
  const record: PointRecord = {
    key: Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64),
    kind: 'sae.train',
    kindVersion: 1,
    params: {},
    seed: null,
    outputs: { sae: { ...artifact } },
    metrics: {},
    run: { id: 'peers', experiment: 'peers', step: name, point: name },
    environment: {},
    usage: {} as PointRecord['usage'],
    startedAt: '2000-01-01T00:00:00Z',
    finishedAt: '2000-01-01T00:00:00Z',
    seconds: 0,
    attempts: 1,
    dollars: 0,
  };
  await acceptResult(store, record);
  mkdirSync(join(directory, 'ours'), { recursive: true });
  await exportArtifact(name, join(directory, 'ours', name), { to: 'saelens' });
}

function computed(dictionary: Dictionary, x: number[][]): Expected['dictionaries'][string] {
  const tf = tensorflow();
  const values = tf.tidy(() => {
    const acts_ND = tf.tensor2d(x);
    const features_NF = dictionary.encode(acts_ND);
    return {
      features: features_NF.arraySync(),
      reconstruction: dictionary.decode(features_NF, acts_ND).arraySync(),
    };
  });
  dictionary.dispose();
  return values;
}
