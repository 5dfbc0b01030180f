import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as capture } from '../../../activities/kinds/activations.capture.ts';
import { run as evaluate } from '../../../activities/kinds/sae.evaluate.ts';
import { run as train } from '../../../activities/kinds/sae.train.ts';
import { validateParameters } from '../../../compiler/kinds/validate.ts';
import { openActivations } from '../../../ml/activations/read.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { readSafetensors } from '../../../ml/models/safetensors.ts';
import { stream } from '../../../ml/random/stream.ts';
import { loadDictionary } from '../../../ml/sae/load.ts';
import { measure } from '../../../ml/sae/measure.ts';
import { totalMoments } from '../../../ml/sae/metrics/moments.ts';
import { fractionUnexplained } from '../../../ml/sae/metrics/variance-explained.ts';
import type { Json } from '../../../store/types.ts';
import { readDirectory } from '../activations/directories.ts';
import { type BodyRun, directoryOf, runBody } from '../activations/run-body.ts';
import { modelArtifact, randomTexts, textsArtifact, WIDTH } from '../activations/small-model.ts';

const tf = tensorflow();
const LAYER = 1;
const DEFAULTS = {
  layer: LAYER,
  tokens: 20_000,
  batch: 128,
  expansion: 2,
  k: 4,
};

let model: ReturnType<typeof modelArtifact>;
let data: ReturnType<typeof textsArtifact>;
let activations: { $artifact: string; digest: string; directory: string };

beforeAll(async () => {
  model = modelArtifact('model-digest');
  data = textsArtifact(randomTexts(500, stream(1, 'test.texts')), 'data-digest');
  const params = {
    model,
    data,
    layers: [LAYER],
    site: 'mlp_out',
    protocol: 'corrected',
    tokens: 3000,
    'max-length': 32,
    batch: 16,
    dtype: 'f32',
    'shard-size': 32,
  };
  const { result } = await runBody({ body: capture, params });
  activations = { $artifact: 'activations', digest: 'acts', directory: directoryOf(result, 'activations') };
});

const trainOne = (params: Record<string, unknown>, run: Partial<BodyRun> = {}) =>
  runBody({
    body: train,
    params: validateParameters('sae.train', { ...DEFAULTS, activations, ...params } as Record<string, Json>)
      .params,
    ...run,
  });

test.each(['topk', 'l1-tied', 'standard'])('%s learns: held-out variance is explained', async (variant) => {
  const { result } = await trainOne({ variant });
  const { fvu, l0, dead_fraction } = result!.metrics;
  expect(fvu!.value).toBeLessThan(0.5);
  expect(fvu!.n).toBeGreaterThan(200);
  expect(l0!.value).toBeGreaterThan(1);
  expect(dead_fraction!.value).toBeLessThan(0.3);
});

test('the stored dictionary is the trained one, in the units of the model', async () => {
  for (const variant of ['topk', 'l1-tied', 'standard']) {
    const { result } = await trainOne({ variant });
    const dictionary = loadDictionary(directoryOf(result, 'sae'));
    const opened = openActivations(activations.directory);
    const { rows } = opened.index;
    // The metrics were measured before it was stored: a wrong scale, transpose or bias would show here.
    const heldOut = result!.metrics.fvu!.n!;
    const { moments } = measure(dictionary, opened.rows(LAYER, rows - heldOut, rows));
    expect(fractionUnexplained(totalMoments(moments))).toBe(result!.metrics.fvu!.value);
    expect(dictionary.config.trainingScale).toBe(opened.layer(LAYER).scale);
    expect(dictionary.config.trainingScale).not.toBeCloseTo(1, 2);
    dictionary.dispose();
  }
});

test('cfg.json and the weights have the names and shapes that SAELens reads', async () => {
  const { result } = await trainOne({ variant: 'topk' });
  const directory = directoryOf(result, 'sae');
  const weights = readSafetensors(join(directory, 'sae_weights.safetensors'));
  const shapes = Object.fromEntries([...weights].map(([name, { shape }]) => [name, shape]));
  expect(shapes).toEqual({ W_enc: [WIDTH, 32], W_dec: [32, WIDTH], b_enc: [32], b_dec: [WIDTH] });
  const cfg = JSON.parse(readFileSync(join(directory, 'cfg.json'), 'utf8'));
  expect(cfg).toMatchObject({
    architecture: 'topk',
    k: 4,
    d_in: WIDTH,
    d_sae: 32,
    dtype: 'float32',
    apply_b_dec_to_input: true,
    normalize_activations: 'none',
    metadata: { hook_name: 'blocks.1.hook_mlp_out', hook_layer: 1 },
  });
  expect(cfg.plumbline.threshold).toBeGreaterThan(0);
  expect(cfg.plumbline).toMatchObject({ model: 'model-digest', data: 'data-digest', variant: 'topk' });
  // Encoding as SAELens' TopKSAE does it, from the files alone.
  const [W_enc, b_enc, b_dec] = (['W_enc', 'b_enc', 'b_dec'] as const).map((name) => {
    const { data: values, shape } = weights.get(name)!;
    return tf.tensor(values, shape);
  });
  const x = tf.tensor2d(openActivations(activations.directory).rows(LAYER, 0, 8), [8, WIDTH]);
  const pre = tf.matMul(x.sub(b_dec!), W_enc as typeof x).add(b_enc!);
  const { values } = tf.topk(pre, 4);
  const dictionary = loadDictionary(directory);
  const ours = tf.topk(dictionary.encode(x), 4).values.dataSync();
  values
    .relu()
    .dataSync()
    .forEach((value, i) => {
      expect(ours[i]).toBeCloseTo(value, 5);
    });
});

test.each(['topk', 'l1-tied'])(
  '%s: killed at any checkpoint, training ends in the same bytes',
  async (variant) => {
    const whole = await trainOne({ variant });
    const first = await trainOne({ variant }, { checkpointEvery: 30, dieAfter: 60 });
    const second = await trainOne(
      { variant },
      { checkpointEvery: 30, resume: first.checkpoints.at(-1)!, dieAfter: 120 },
    );
    const third = await trainOne({ variant }, { resume: second.checkpoints.at(-1)! });
    expect(second.checkpoints.map(({ step }) => step)).toEqual([90, 120]);
    expect(third.result!.metrics).toEqual(whole.result!.metrics);
    expect(readDirectory(directoryOf(third.result, 'sae'))).toEqual(
      readDirectory(directoryOf(whole.result, 'sae')),
    );
  },
);

test('evaluation stays clear of the texts that training saw', async () => {
  const { result } = await trainOne({ variant: 'topk' });
  const { texts } = loadDictionary(directoryOf(result, 'sae')).config;
  expect(texts.visited).toBeGreaterThan(100);
  expect(texts.visited).toBeLessThan(texts.total);
  // With every text that training saw damaged, the evaluation is the same.
  const dictionary = { $artifact: 'sae', digest: 's', directory: directoryOf(result, 'sae') };
  const seen = new Set(stream(0, 'activations.texts').permutation(500).subarray(0, texts.visited));
  const contents = randomTexts(500, stream(1, 'test.texts')).map((text, i) =>
    seen.has(i) ? 'so so so' : text,
  );
  const params = { dictionary, model, data, texts: 40, batch: 16 };
  const one = await runBody({ body: evaluate, params });
  const other = await runBody({
    body: evaluate,
    params: { ...params, data: textsArtifact(contents, 'data-digest') },
  });
  expect(other.result!.metrics).toEqual(one.result!.metrics);
});

test('a better dictionary loses less of the prediction; numbers have intervals over texts', async () => {
  const quality = async (params: Record<string, unknown>) => {
    const { result } = await trainOne(params);
    const dictionary = { $artifact: 'sae', digest: 's', directory: directoryOf(result, 'sae') };
    const evaluated = await runBody({
      body: evaluate,
      params: { dictionary, model, data, texts: 60, batch: 16 },
    });
    return evaluated.result!;
  };
  const good = await quality({ variant: 'topk', expansion: 4, k: 8, tokens: 60_000 });
  const poor = await quality({ variant: 'topk', expansion: 1, k: 1, tokens: 1000 });
  const { loss_recovered_zero, loss_recovered_mean, fvu, ce_clean, kl_recovered_mean } = good.metrics;
  expect(loss_recovered_zero!.value).toBeGreaterThan(0.7);
  expect(loss_recovered_zero!.value).toBeLessThanOrEqual(1.05);
  expect(loss_recovered_mean!.value).toBeGreaterThan(poor.metrics.loss_recovered_mean!.value);
  expect(kl_recovered_mean!.value).toBeGreaterThan(poor.metrics.kl_recovered_mean!.value);
  expect(fvu!.value).toBeLessThan(poor.metrics.fvu!.value);
  expect(ce_clean!.value).toBe(poor.metrics.ce_clean!.value);
  expect(fvu).toMatchObject({ n: 60, n_unit: 'text' });
  expect(fvu!.ci_low).toBeLessThan(fvu!.value);
  expect(fvu!.ci_high).toBeGreaterThan(fvu!.value);
  const density = good.outputs.density as { counts: number[] };
  expect(density.counts.reduce((sum, count) => sum + count)).toBe(64);
  const table = JSON.parse(readFileSync(join(directoryOf(good, 'table'), 'table.json'), 'utf8'));
  expect(table.rows.reduce((sum: number, row: { count: number }) => sum + row.count, 0)).toBe(64);
});

test('what cannot be trained is refused, saying what to change', async () => {
  await expect(trainOne({ variant: 'topk', protocol: 'faithful' })).rejects.toThrow('no variant topk');
  await expect(trainOne({ variant: 'topk', k: 33 })).rejects.toThrow('only 32 features');
  await expect(trainOne({ variant: 'topk', layer: 0 })).rejects.toThrow('Layer 0 was not captured');
});
