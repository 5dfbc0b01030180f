import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tensorflow } from '../../../../ml/engine/engine.ts';
import { createDictionary } from '../../../../ml/sae/dictionary.ts';
import { readDictionaryFiles } from '../../../../ml/sae/files/read.ts';

/** Written by the packages themselves, with what they compute: test/fixtures/make/dictionaries.py. */
const FIXTURES = 'test/fixtures/dictionaries';
interface Expected {
  x: number[][];
  dictionaries: Record<string, { features: number[][]; reconstruction: number[][] }>;
}
const { x, dictionaries } = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Expected;

const largest = (ours: Float32Array, theirs: number[][]): number =>
  theirs.flat().reduce((most, value, i) => Math.max(most, Math.abs(value - (ours[i] as number))), 0);

const saysNoSite = new Set(['dictionary-learning-gated-anneal']);
const read = (name: string) =>
  readDictionaryFiles(
    join(FIXTURES, name),
    { site: saysNoSite.has(name) ? 'mlp_out' : undefined },
    name.replace('sparsify-', ''),
  );

describe('computes what the package computes', () => {
  test('of every directory there is one', () => {
    const directories = readdirSync(FIXTURES).filter((name) => name !== 'expected.json');
    expect(Object.keys(dictionaries).sort()).toEqual(directories.sort());
    expect(directories.length).toBeGreaterThan(20);
  });

  test.each(Object.keys(dictionaries))('%s', (name) => {
    const tf = tensorflow();
    const { features, reconstruction } = dictionaries[name] as Expected['dictionaries'][string];
    const { config, weights } = read(name);
    const dictionary = createDictionary(config, weights);
    const features_NF = dictionary.encode(tf.tensor2d(x));
    const ours = features_NF.dataSync() as Float32Array;
    expect(largest(ours, features)).toBeLessThan(1e-5);
    expect(largest(dictionary.decode(features_NF).dataSync() as Float32Array, reconstruction)).toBeLessThan(
      1e-5,
    );
    // Which features fire is the same, not only about how much.
    expect([...ours].map((value) => value > 0)).toEqual(features.flat().map((value) => value > 0));
    expect(config).toMatchObject({ layer: 1, width: 6, features: 10, model: '', data: '' });
    dictionary.dispose();
  });
});

test('variant, activation and place are those of the files', () => {
  const described = Object.fromEntries(
    Object.keys(dictionaries).map((name) => {
      const { variant, activation, site, subtractsDecoderBias, trainingScale } = read(name).config;
      const k = activation.type === 'topk' ? [activation.k] : [];
      return [name, [variant, activation.type, ...k, site, subtractsDecoderBias, trainingScale].join(' ')];
    }),
  );
  expect(described).toEqual({
    'dictionary-learning-april': 'april relu mlp_out true 1',
    'dictionary-learning-april-new': 'april relu mlp_out false 1',
    'dictionary-learning-batch-topk': 'batch-topk jumprelu mlp_out true 1',
    'dictionary-learning-gated': 'gated jumprelu mlp_out true 1',
    'dictionary-learning-gated-anneal': 'gated jumprelu mlp_out true 1',
    'dictionary-learning-jumprelu': 'jumprelu jumprelu mlp_out false 1',
    'dictionary-learning-matryoshka': 'matryoshka jumprelu mlp_out true 1',
    'dictionary-learning-p-anneal': 'p-anneal relu mlp_out true 1',
    'dictionary-learning-standard': 'standard relu mlp_out true 1',
    'dictionary-learning-topk': 'topk topk 3 mlp_out true 1',
    'dictionary-learning-untrained-batch-topk': 'batch-topk jumprelu mlp_out true 1',
    'saelens-5': 'topk topk 3 block_out true 1',
    'saelens-gated': 'gated jumprelu mlp_out true 1',
    'saelens-jumprelu': 'jumprelu jumprelu mlp_out true 1',
    'saelens-standard': 'standard relu mlp_out true 1',
    'saelens-standard-bfloat16': 'standard relu mlp_out true 1',
    'saelens-standard-without-bias': 'standard relu mlp_out false 1',
    'saelens-topk': 'topk topk 3 mlp_out true 1',
    'saelens-topk-rescaled': 'topk topk 3 mlp_out true 1',
    'saelens-training-batchtopk': 'batch-topk jumprelu mlp_out true 1',
    'saelens-training-batchtopk-scaled': 'batch-topk jumprelu mlp_out true 0.7',
    'saelens-training-gated-scaled': 'gated jumprelu mlp_out true 0.7',
    'saelens-training-jumprelu': 'jumprelu jumprelu mlp_out true 1',
    'saelens-training-matryoshka': 'matryoshka jumprelu mlp_out true 1',
    'saelens-training-topk': 'topk topk 3 mlp_out true 1',
    'sparsify-layers.1.mlp': 'topk topk 3 mlp_out true 1',
  });
  expect(read('saelens-topk').config).toMatchObject({ maxLength: 64, skippedPositions: 0, threshold: null });
});
