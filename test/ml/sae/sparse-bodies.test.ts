import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { run as capture } from '../../../activities/kinds/activations.capture.ts';
import { run as train } from '../../../activities/kinds/sae.train.ts';
import { openActivations } from '../../../ml/activations/read.ts';
import { stream } from '../../../ml/random/stream.ts';
import { loadDictionary } from '../../../ml/sae/load.ts';
import { measure } from '../../../ml/sae/measure.ts';
import { l0 } from '../../../ml/sae/metrics/l0.ts';
import { totalMoments } from '../../../ml/sae/metrics/moments.ts';
import { fractionUnexplained } from '../../../ml/sae/metrics/variance-explained.ts';
import { readDirectory } from '../activations/directories.ts';
import { type BodyRun, directoryOf, runBody } from '../activations/run-body.ts';
import { modelArtifact, randomTexts, textsArtifact } from '../activations/small-model.ts';

/** `sae.train` with what keeps features few and alive. */
const LAYER = 1;
const CHOSEN = { layer: LAYER, tokens: 20_000, batch: 128, expansion: 2 };

interface Schema {
  properties?: Record<string, Schema>;
  default?: unknown;
}
/** The parameters with the defaults of the schema, as bodies get them. */
function filledIn(schema: Schema, given: Record<string, unknown>): Record<string, unknown> {
  const filled = { ...given };
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (filled[name] === undefined && property.default !== undefined) filled[name] = property.default;
    if (property.properties && filled[name]) {
      filled[name] = filledIn(property, filled[name] as Record<string, unknown>);
    }
  }
  return filled;
}
const schemaOf = (kind: string) =>
  JSON.parse(
    readFileSync(new URL(`../../../schemas/kinds/${kind}.schema.json`, import.meta.url), 'utf8'),
  ) as Schema;
const SCHEMA = schemaOf('sae.train');

let activations: { $artifact: string; digest: string; directory: string };

beforeAll(async () => {
  const params = filledIn(schemaOf('activations.capture'), {
    model: modelArtifact('model-digest'),
    data: textsArtifact(randomTexts(500, stream(1, 'test.texts')), 'data-digest'),
    ...{ layers: [LAYER], site: 'mlp_out', tokens: 3000, 'max-length': 32, batch: 16 },
  });
  const { result } = await runBody({ body: capture, params });
  activations = { $artifact: 'activations', digest: 'acts', directory: directoryOf(result, 'activations') };
});

const trainOne = (params: Record<string, unknown>, run: Partial<BodyRun> = {}) =>
  runBody({ body: train, params: filledIn(SCHEMA, { ...CHOSEN, activations, ...params }), ...run });

interface Case {
  variant: string;
  k?: number;
  resampling?: { every: number; form?: string; until?: number };
  [name: string]: unknown;
}
const ALL: Case[] = [
  { variant: 'batch-topk', k: 3.5 },
  { variant: 'matryoshka', k: 4 },
  { variant: 'matryoshka', k: 4, 'level-weights': 'sum', groups: [0.5, 0.5] },
  { variant: 'topk', k: 4, 'k-annealing': { start: 12 }, 'decoder-bias': 'mean' },
  { variant: 'batch-topk', k: 4, 'k-annealing': { start: 12, steps: 100 }, initialisation: 'data' },
  { variant: 'l1-tied', 'decoder-bias': 'mean', normalise: 'unit-mean-square' },
  { variant: 'standard', initialisation: 'data' },
  { variant: 'standard', l1: 0.5, resampling: { every: 20 } },
  { variant: 'l1-tied', l1: 0.05, resampling: { every: 20, form: 'squared-loss' } },
  { variant: 'standard', l1: 0.5, resampling: { every: 20, form: 'dictionary-learning', until: 100 } },
];

test.each(ALL)('%o: learns, and the stored dictionary is the trained one', async (params) => {
  const { result } = await trainOne(params);
  const dictionary = loadDictionary(directoryOf(result, 'sae'));
  const opened = openActivations(activations.directory);
  const { rows } = opened.index;
  const heldOut = result!.metrics.fvu!.n!;
  const moments = totalMoments(measure(dictionary, opened.rows(LAYER, rows - heldOut, rows)).moments);
  dictionary.dispose();
  expect(result!.metrics.fvu!.value).toBeLessThan(params.resampling ? 0.9 : 0.6);
  expect(fractionUnexplained(moments)).toBe(result!.metrics.fvu!.value);
  // One threshold, and what it keeps of texts that training did not see, is near k.
  if (params.variant !== 'batch-topk' && params.variant !== 'matryoshka') return;
  expect(dictionary.config.activation).toEqual({ type: 'jumprelu' });
  expect(dictionary.config.threshold).toBeGreaterThan(0);
  expect(Math.abs(l0(moments) / params.k! - 1)).toBeLessThan(0.25);
});

test.each(ALL)('%o: killed at any checkpoint, training ends in the same bytes', async (params) => {
  const short = { ...params, tokens: 64 * 60, batch: 64 };
  const whole = await trainOne(short);
  const first = await trainOne(short, { checkpointEvery: 15, dieAfter: 30 });
  const second = await trainOne(short, { resume: first.checkpoints.at(-1)! });
  expect(second.result!.metrics).toEqual(whole.result!.metrics);
  expect(readDirectory(directoryOf(second.result, 'sae'))).toEqual(
    readDirectory(directoryOf(whole.result, 'sae')),
  );
});

test('a starting point from data, and resampling, change what is trained', async () => {
  const fvu = async (params: Record<string, unknown>) => {
    const { result } = await trainOne({ variant: 'standard', l1: 0.5, ...params });
    return result!.metrics.fvu!.value;
  };
  const plain = await fvu({});
  for (const params of [
    { initialisation: 'data' },
    { 'decoder-bias': 'geometric-median' },
    { resampling: { every: 20 } },
  ]) {
    expect(await fvu(params)).not.toBe(plain);
  }
});

test('what cannot be trained is refused, saying what to change', async () => {
  const refused = (params: Record<string, unknown>) => expect(trainOne(params)).rejects;
  await refused({ variant: 'batch-topk', k: 33 }).toThrow('only 32 features');
  await refused({ variant: 'topk', k: 2.5 }).toThrow('topk keeps a whole number of features');
  await refused({ variant: 'topk', k: 2, 'k-annealing': { start: 40 } }).toThrow('k-annealing.start is 40');
  await refused({ variant: 'matryoshka', k: 2, groups: [0.5, 0.4] }).toThrow('groups add up to 0.9');
  await refused({ variant: 'matryoshka', k: 2, features: 8 }).toThrow('leave one empty');
  await refused({ variant: 'topk', resampling: { every: 5 } }).toThrow('does not resample');
  await refused({ variant: 'standard', initialisation: 'data', features: 100_000 }).toThrow(
    'cannot start from',
  );
});
