import { beforeAll, expect, test } from 'vitest';
import { run as train } from '../../../activities/kinds/sae.train.ts';
import { validateParameters } from '../../../compiler/kinds/validate.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { loadDictionary } from '../../../ml/sae/load.ts';
import type { Json } from '../../../store/types.ts';
import { readDirectory } from '../activations/directories.ts';
import { type BodyRun, directoryOf, runBody } from '../activations/run-body.ts';
import { PLANTED, plantedActivations, plantedRows } from './planted.ts';

const tf = tensorflow();
const { width: D, directions: T } = PLANTED;
const F = 2 * D;

type Given = Record<string, unknown> & { variant: string };
const filled = (given: Given, activations: Json = null) => {
  const params = {
    activations,
    layer: 0,
    batch: 128,
    tokens: 128 * 1000,
    'learning-rate': 0.004,
    features: F,
    ...given,
  };
  return validateParameters('sae.train', params as Record<string, Json>);
};

/** What to train, and what it must come to: two directions make up a row. */
const VARIANTS: [string, Given, { l0: number; fve: number; similarity: number }][] = [
  ['april', { variant: 'april' }, { l0: 7, fve: 0.94, similarity: 0.93 }],
  [
    'jumprelu to a target',
    { variant: 'jumprelu', jumprelu: { 'target-l0': 2 } },
    { l0: 2.2, fve: 0.9, similarity: 0.9 },
  ],
  [
    'jumprelu with L0',
    { variant: 'jumprelu', jumprelu: { sparsity: 'l0', coefficient: 0.02 } },
    { l0: 4, fve: 0.92, similarity: 0.85 },
  ],
  [
    'jumprelu as SAELens',
    {
      variant: 'jumprelu',
      'subtract-decoder-bias': true,
      jumprelu: {
        ...{ sparsity: 'tanh', coefficient: 0.02, 'threshold-parameter': 'log', 'decoder-rows': 'free' },
        ...{ bandwidth: 0.05, 'pre-activation-coefficient': 3e-6 },
      },
    },
    { l0: 5, fve: 0.94, similarity: 0.85 },
  ],
  ['gated', { variant: 'gated', l1: 0.2 }, { l0: 9, fve: 0.93, similarity: 0.7 }],
  [
    'gated as SAELens',
    { variant: 'gated', l1: 0.2, gated: { form: 'saelens' } },
    { l0: 6, fve: 0.94, similarity: 0.93 },
  ],
  ['p-anneal', { variant: 'p-anneal' }, { l0: 6, fve: 0.92, similarity: 0.85 }],
];

let activations: ReturnType<typeof plantedActivations>;
beforeAll(() => {
  activations = plantedActivations();
});

const trainOne = (given: Given, run: Partial<BodyRun> = {}) => {
  const { params, problems } = filled(given, activations);
  expect(problems).toEqual([]);
  return runBody({ body: train, params, ...run });
};

test.each(VARIANTS)('%s finds what was planted', async (_, given, bounds) => {
  const { result } = await trainOne(given);
  const { fve, l0, dead_fraction } = result!.metrics;
  const dictionary = loadDictionary(directoryOf(result, 'sae'));
  const similarity = tf.tidy(() => {
    const planted_TD = tf.tensor2d(plantedRows().directions_TD, [T, D]);
    const { decoder_FD } = dictionary;
    const unit_FD = decoder_FD.div(decoder_FD.norm('euclidean', 1, true)) as typeof decoder_FD;
    return tf.matMul(planted_TD, unit_FD, false, true).max(1).mean().dataSync()[0]!;
  });
  expect(l0!.value).toBeGreaterThan(1);
  expect(l0!.value).toBeLessThan(bounds.l0);
  expect(fve!.value).toBeGreaterThan(bounds.fve);
  expect(similarity).toBeGreaterThan(bounds.similarity);
  expect(dead_fraction!.value).toBeLessThan(0.5);
  dictionary.dispose();
});

test.each(VARIANTS)('%s: killed at a checkpoint, training ends in the same bytes', async (_, given) => {
  const short = { ...given, tokens: 128 * 60, auxiliary: { 'dead-after': 500 } };
  const whole = await trainOne(short);
  const first = await trainOne(short, { checkpointEvery: 13, dieAfter: 26 });
  const second = await trainOne(short, { resume: first.checkpoints.at(-1)! });
  expect(readDirectory(directoryOf(second.result, 'sae'))).toEqual(
    readDirectory(directoryOf(whole.result, 'sae')),
  );
});

test('what cannot be trained is refused, saying what to change', async () => {
  await expect(trainOne({ variant: 'jumprelu', jumprelu: { 'target-l0': 40 } })).rejects.toThrow(
    'only 32 features',
  );
  await expect(trainOne({ variant: 'p-anneal', 'p-anneal': { start: 300, end: 200 } })).rejects.toThrow(
    'cannot fall from step 300 to step 200',
  );
  await expect(trainOne({ variant: 'gated', protocol: 'faithful' })).rejects.toThrow('no variant gated');
  expect(
    filled({ variant: 'jumprelu', jumprelu: { bandwidth: 0 } }, activations).problems[0]!.path,
  ).toContain('bandwidth');
});
