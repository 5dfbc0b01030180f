import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as capture } from '../../../activities/kinds/activations.capture.ts';
import { run as evaluate } from '../../../activities/kinds/probe.evaluate.ts';
import { run as fit } from '../../../activities/kinds/probe.fit.ts';
import { run as build } from '../../../activities/kinds/triples.build.ts';
import { kind as evaluateKind } from '../../../compiler/kinds/probe.evaluate.ts';
import { kind as fitKind } from '../../../compiler/kinds/probe.fit.ts';
import { kind as buildKind } from '../../../compiler/kinds/triples.build.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { generateReviews } from '../../../ml/data/synthetic-reviews/generate.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { createModel } from '../../../ml/models/initialise.ts';
import { readSafetensors } from '../../../ml/models/safetensors.ts';
import { saveModel } from '../../../ml/models/save.ts';
import type { ProbeFile } from '../../../ml/probes/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import type { DictionaryConfig } from '../../../ml/sae/dictionary.ts';
import { saveDictionary } from '../../../ml/sae/save.ts';
import { createTokenizer } from '../../../ml/tokenizers/load.ts';
import { wordLevelTokenizer, writeTokenizer } from '../../../ml/tokenizers/word-level.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, materialised, runBody } from '../../activities/run-body.ts';
import { vader } from '../triples/lexicon.ts';

/**
 * A planted truth, through the real bodies: the tuned model is the base model with what each word is worth to the feedback
 * written into its embedding, along one direction.
 */
const D = 32;
const F = 64;
const feedback = { kind: 'lexicon', lexicon: 'vader', scale: 0.2, clip: 10, scored: 'completion' };
const reviews = generateReviews(
  { count: 300, sentences: [3, 5], neutral: 0.2, scatter: 0.4 },
  vader,
  stream(0, 'reviews'),
).map(({ text }) => text);
const vocabulary = wordLevelTokenizer(reviews, 1500, 64);
const tokenizer = createTokenizer(vocabulary.document, vocabulary.settings);

function modelDirectory(planted: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'planted-'));
  const model = createModel(
    {
      model_type: 'gpt_neox',
      architectures: ['GPTNeoXForCausalLM'],
      hidden_size: D,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 64,
      vocab_size: tokenizer.vocabularySize,
      max_position_embeddings: 64,
      hidden_act: 'gelu',
      rotary_pct: 0.25,
      initializer_range: 0.2,
    },
    (name) => stream(0, name),
  );
  const embedding = model.parameters.get('gpt_neox.embed_in.weight');
  if (!embedding) throw new Error('the model has no embedding');
  const values = Float32Array.from(embedding.dataSync());
  const direction = stream(0, 'direction').normals(D, planted);
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    const worth = vader.value(tokenizer.token(id));
    for (let j = 0; j < D; j++)
      values[id * D + j] = (values[id * D + j] as number) + worth * (direction[j] as number);
  }
  embedding.assign(tensorflow().tensor(values, embedding.shape));
  saveModel(model, writeTokenizer(join(directory, 'tokenizer'), vocabulary), directory);
  model.dispose();
  return directory;
}

function dictionaryDirectory(layer: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'dictionary-'));
  const draws = stream(layer, 'dictionary');
  const config: DictionaryConfig = {
    ...{
      variant: 'topk',
      layer,
      site: 'mlp_out',
      width: D,
      features: F,
      activation: { type: 'topk', k: 16 },
    },
    ...{
      subtractsDecoderBias: false,
      trainingScale: 1,
      threshold: null,
      model: 'm',
      data: 'd',
      training: {},
    },
    texts: { total: 1, visited: 1, shuffle: null },
    ...{ skippedPositions: 1, maxLength: 64 },
  };
  saveDictionary(directory, config, {
    W_enc: draws.normals(D * F, 1),
    W_dec: draws.normals(D * F, 0.1),
    b_enc: new Float32Array(F),
    b_dec: new Float32Array(D),
  });
  return directory;
}

const roles = ['tuned', 'base'] as const;
const directories = { tuned: '', base: '' };
let triples: BodyResult;
const activations: Record<string, ReturnType<typeof materialised>> = {};
const fits = new Map<string, BodyResult>();
const tripleArtifact = () => materialised('triples', directoryOf(triples, 'triples'));

async function fitProbe(role: string, changes: Record<string, unknown> = {}): Promise<BodyResult> {
  const params = {
    ...{ role, activations: activations[role], triples: tripleArtifact(), feedback, shuffles: 20 },
    dictionaries: [1, 0].map((layer) => materialised('sae', dictionaryDirectory(layer))),
    ...changes,
  };
  return (await runBody('probe.fit', fit, params)) as BodyResult;
}

const documentOf = (result: BodyResult) =>
  JSON.parse(readFileSync(join(directoryOf(result, 'probe'), 'probe.json'), 'utf8')) as ProbeFile;
const tableOf = (result: BodyResult, output: string) =>
  JSON.parse(readFileSync(join(directoryOf(result, output), 'table.json'), 'utf8')) as Table;

beforeAll(async () => {
  directories.tuned = modelDirectory(0.25);
  directories.base = modelDirectory(0);
  const texts = mkdtempSync(join(tmpdir(), 'texts-'));
  writeFileSync(join(texts, 'texts.jsonl'), reviews.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  triples = (await runBody('triples.build', build, {
    texts: materialised('texts', texts),
    model: materialised('model', directories.base),
    feedback,
    limit: 250,
  })) as BodyResult;
  for (const role of roles) {
    const captured = await runBody('activations.capture', capture, {
      model: materialised('model', directories[role]),
      triples: tripleArtifact(),
      layers: [0, 1],
    });
    activations[role] = materialised('activations', directoryOf(captured, 'activations'));
    for (const protocol of ['corrected', 'faithful']) {
      fits.set(
        `${role} ${protocol}`,
        await fitProbe(role, { protocol, shuffles: protocol === 'corrected' ? 19 : 3 }),
      );
    }
  }
}, 300_000);

test('the planted feedback is found in the tuned model, and is more than the base model has', async () => {
  const probes = [...fits.values()].map((result) => materialised('probe', directoryOf(result, 'probe')));
  const result = (await runBody('probe.evaluate', evaluate, { probes, replicates: 300 })) as BodyResult;
  const { metrics } = result;
  expect(metrics.tau_tuned?.value).toBeGreaterThan(0.4);
  expect(metrics.tau_tuned?.p_value).toBe(1 / 20);
  expect(metrics.tau_gap_tuned_base?.ci_low).toBeGreaterThan(0.1);
  expect(metrics.tau_base?.ci_low).toBeLessThan(0.1);
  expect(metrics.sign_accuracy_tuned?.ci_low).toBeGreaterThan(metrics.sign_accuracy_base?.ci_high as number);
  for (const name of Object.keys(metrics)) expect(evaluateKind.metrics).toHaveProperty(name);
  for (const name of Object.keys(evaluateKind.outputs).filter((output) => output !== 'reliability'))
    expect(tableOf(result, name).rows.length).toBeGreaterThan(1);
  expect(tableOf(result, 'table').rows.some(({ control }) => control === 'tau-on-strings')).toBe(true);
});

test('the artifact holds predictions of words that no probe saw, and the weights', () => {
  const result = fits.get('tuned corrected') as BodyResult;
  const document = documentOf(result);
  expect(document.layers).toEqual([0, 1]);
  expect(document.dictionaries.map(({ layer }) => layer)).toEqual([0, 1]);
  expect(
    document.fits.map(({ representation, control, features }) => [representation, control, features]),
  ).toEqual([
    ['sae', 'none', 2 * F],
    ['sae', 'untrained', 2 * F],
    ['raw', 'none', 2 * D],
    ['raw', 'untrained', 2 * D],
    ['layer-0', 'none', D],
  ]);
  expect(document.fits.map(({ controlTask }) => controlTask?.control.tau.length)).toEqual([
    3,
    undefined,
    3,
    undefined,
    3,
  ]);
  expect(document.rows.word.length).toBe(500);
  for (const { predictions } of document.fits) expect(predictions.length).toBe(500);
  const weights = readSafetensors(join(directoryOf(result, 'probe'), 'probe.safetensors'));
  expect(weights.get('coefficients.sae')?.shape).toEqual([2 * F]);
  expect(weights.get('coefficients.raw')?.shape).toEqual([2 * D]);
  for (const name of Object.keys(result.metrics)) expect(fitKind.metrics).toHaveProperty(name);

  const published = documentOf(fits.get('tuned faithful') as BodyResult);
  expect(published.rows.word.length).toBe(100);
  expect(published.fits.map(({ control }) => control)).toEqual([
    'none',
    'untrained',
    'none',
    'untrained',
    'none',
  ]);
});

test('the triples are counted by the names that the kind declares', () => {
  // Those of a language model are not there: none was asked.
  const asked = ['words_refused', 'dollars'];
  const declared = Object.keys(buildKind.metrics).filter((name) => !asked.includes(name));
  expect(Object.keys(triples.metrics).sort()).toEqual(declared.sort());
  expect(triples.metrics.checks_failed).toEqual({ value: 0 });
  expect(triples.metrics.triples).toEqual({ value: 250 });
  expect(triples.metrics.words_positive?.value).toBeGreaterThan(40);
});

test('a probe fitted again has the same bytes', async () => {
  const again = await fitProbe('base', { protocol: 'corrected', shuffles: 19 });
  for (const file of ['probe.json', 'probe.safetensors']) {
    const bytes = (result: BodyResult) => readFileSync(join(directoryOf(result, 'probe'), file));
    expect(bytes(again).equals(bytes(fits.get('base corrected') as BodyResult))).toBe(true);
  }
});

test('without dictionaries the activations alone are read', async () => {
  const result = await fitProbe('tuned', { dictionaries: undefined, shuffles: 0 });
  expect(documentOf(result).fits.map(({ representation, control }) => [representation, control])).toEqual([
    ['raw', 'none'],
    ['raw', 'untrained'],
    ['layer-0', 'none'],
  ]);
  expect(result.metrics.tau?.value).toBe(result.metrics.tau_raw?.value);
});

test.each(['logistic', 'logistic-l1'])('the classifier %s reads the sign, calibrated', async (method) => {
  const result = await fitProbe('tuned', { method, shuffles: 2, inputs: ['activations'] });
  expect(result.metrics.sign_accuracy?.value).toBeGreaterThan(0.7);
  const [fitted] = documentOf(result).fits;
  expect(fitted?.probabilities?.length).toBe(500);
  const evaluation = (await runBody('probe.evaluate', evaluate, {
    probes: [materialised('probe', directoryOf(result, 'probe'))],
    replicates: 100,
  })) as BodyResult;
  const { rows } = tableOf(evaluation, 'reliability');
  const errorOf = (probability: string) =>
    rows.find((row) => row.probability === probability && row.inputs === 'raw activations')?.brier as number;
  expect(errorOf('calibrated')).toBeLessThan(0.2);
  expect(errorOf('calibrated')).toBeLessThan(errorOf('as fitted') + 0.02);
});

test.each(['lasso', 'elastic-net'])('%s reads the value', async (method) => {
  const result = await fitProbe('tuned', { method, shuffles: 2, inputs: ['activations'] });
  expect(result.metrics.tau?.value).toBeGreaterThan(0.4);
  expect(result.metrics.selectivity?.value).toBeGreaterThan(0);
});

test('baselines that read the text alone say nothing of words that they have not seen', async () => {
  const inputs = ['activations', 'pca', 'bag-of-words', 'tf-idf', 'length'];
  const result = await fitProbe('tuned', { inputs, controls: [], components: 20, shuffles: 19 });
  const { fits } = documentOf(result);
  expect(fits.map(({ representation }) => representation)).toEqual([
    'raw',
    'pca',
    'bag-of-words',
    'tf-idf',
    'length',
  ]);
  expect(fits.map(({ features }) => features).slice(0, 2)).toEqual([2 * D, 20]);
  const evaluation = (await runBody('probe.evaluate', evaluate, {
    probes: [materialised('probe', directoryOf(result, 'probe'))],
    replicates: 200,
  })) as BodyResult;
  const gaps = tableOf(evaluation, 'gaps').rows;
  expect(gaps.map(({ difference }) => difference)).toEqual([
    'minus principal components',
    'minus bag of words',
    'minus TF-IDF',
    'minus length of the text',
    'true minus shuffled feedback',
  ]);
  for (const row of gaps.slice(1)) expect(row.tau_low).toBeGreaterThan(0);
});

test('inputs that do not belong together are errors that say what to do', async () => {
  await expect(fitProbe('tuned', { triples: { ...tripleArtifact(), digest: 'other' } })).rejects.toThrow(
    'not captured at the target words of these triples',
  );
  await expect(fitProbe('tuned', { dictionaries: undefined, inputs: ['features'] })).rejects.toThrow(
    '`inputs` names features, but there are no dictionaries',
  );
  const twice = [0, 0].map((layer) => materialised('sae', dictionaryDirectory(layer)));
  await expect(fitProbe('tuned', { dictionaries: twice })).rejects.toThrow(
    'Two of the dictionaries read layer 0',
  );
});
