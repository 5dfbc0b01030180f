import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run as capture } from '../../../activities/kinds/activations.capture.ts';
import { run as synthesise } from '../../../activities/kinds/data.reviews-synthetic.ts';
import { run as ablate } from '../../../activities/kinds/features.ablate.ts';
import { run as classify } from '../../../activities/kinds/features.classify.ts';
import { run as explain } from '../../../activities/kinds/features.explain.ts';
import { run as frequency } from '../../../activities/kinds/features.frequency.ts';
import { run as steer } from '../../../activities/kinds/features.steer.ts';
import { run as trainModel } from '../../../activities/kinds/lm.train.ts';
import { run as fit } from '../../../activities/kinds/probe.fit.ts';
import { run as trainDictionary } from '../../../activities/kinds/sae.train.ts';
import { run as buildTriples } from '../../../activities/kinds/triples.build.ts';
import type { ActivityBody, BodyResult } from '../../../compute/types.ts';
import type { FeatureSet } from '../../../ml/features/types.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, runBody } from '../run-body.ts';

/** A small language model of reviews with a dictionary: what the kinds that ask whether features matter start from. */
const feedback = { kind: 'lexicon', lexicon: 'vader', scale: 0.2, clip: 10 };
const labeller = { type: 'lexicon', feedback };
const LAYER = 1;

const made = async (
  kind: string,
  body: ActivityBody,
  params: Record<string, unknown>,
  type: string,
  output = type,
) => {
  const result = await runBody(kind, body, params);
  return { $artifact: type, digest: `${kind}-${output}`, directory: directoryOf(result, output) };
};
type Artifact = Awaited<ReturnType<typeof made>>;

let texts: Artifact;
let model: Artifact;
let triples: Artifact;
let activations: Artifact;
let dictionary: Artifact;
let features: Artifact;
beforeAll(async () => {
  texts = await made('data.reviews-synthetic', synthesise, { count: 500 }, 'texts');
  const architecture = { type: 'gpt-neox', layers: 2, width: 32, heads: 2 };
  model = await made(
    'lm.train',
    trainModel,
    {
      ...{ data: texts, architecture, tokenizer: { type: 'word-level', size: 1000 }, context: 32, batch: 16 },
      ...{ steps: 120, 'learning-rate': 4e-3 },
    },
    'model',
  );
  triples = await made('triples.build', buildTriples, { texts, model, feedback, limit: 120 }, 'triples');
  const layers = [LAYER];
  const acts = await made(
    'activations.capture',
    capture,
    { model, data: texts, layers, tokens: 4000 },
    'activations',
  );
  activations = await made('activations.capture', capture, { model, triples, layers }, 'activations');
  dictionary = await made(
    'sae.train',
    trainDictionary,
    { activations: acts, layer: LAYER, variant: 'topk', k: 4, expansion: 3, batch: 64, tokens: 16000 },
    'sae',
  );
  const explanations = await made(
    'features.explain',
    explain,
    { dictionaries: [dictionary], model, data: texts, labeller, 'per-dictionary': 40, texts: 80 },
    'features',
  );
  features = await made(
    'features.classify',
    classify,
    { explanations, task: 'words that express sentiment', labeller },
    'features',
  );
}, 120_000);

const tableOf = (result: BodyResult | null): Table =>
  JSON.parse(readFileSync(join(directoryOf(result, 'table'), 'table.json'), 'utf8'));
const nothingRelated = () => relatedWhere(() => false);
/** The features with the labels that a test needs. */
const relatedWhere = (related: (feature: number) => boolean): Artifact => {
  const directory = mkdtempSync(join(tmpdir(), 'relabelled-'));
  const set = JSON.parse(readFileSync(join(features.directory, 'features.json'), 'utf8')) as FeatureSet;
  const labelled = set.features.map((feature, i) => ({
    ...feature,
    relation: { status: 'labelled', answer: related(i) ? 'related' : 'unrelated', reason: '' },
  }));
  writeFileSync(join(directory, 'features.json'), JSON.stringify({ ...set, features: labelled }));
  return { ...features, directory };
};

describe('features.ablate', () => {
  const params = (more = {}) => ({
    ...{ model, dictionaries: [dictionary], features, prompts: texts, reward: feedback },
    ...{ count: 48, 'prompt-tokens': 5, 'completion-tokens': 10, 'random-draws': 2, batch: 48 },
    ...more,
  });

  test('measures doses, both controls and side effects, paired: what is not changed does not differ', async () => {
    const result = (await runBody('features.ablate', ablate, params({ base: model, doses: [0, 1, 2] })))!;
    const { metrics } = result;
    expect(metrics.features_removed?.value).toBeGreaterThan(0);
    expect(metrics.effect?.value).not.toBe(0);
    // The base model is the tuned one here: the same prompts and random numbers give the same completions.
    expect(metrics.effect_base?.value).toBe(metrics.effect?.value);
    expect(metrics.effect_over_base).toMatchObject({ value: 0, ci_low: 0, ci_high: 0 });
    expect(metrics.effect_over_matched?.value).toBeCloseTo(
      (metrics.effect?.value as number) - (metrics.effect_matched?.value as number),
      9,
    );
    expect(metrics.effect_random?.n).toBe(48);
    expect(metrics.loss_change?.value).toBeGreaterThan(0);
    const { rows } = tableOf(result);
    expect(rows[0]).toMatchObject({ condition: 'related features × 0 subtracted', effect: 0, loss: 0 });
    expect(rows[2]?.loss).toBeGreaterThan(rows[1]?.loss as number);
  });

  test('as published: no control, and the effect has the error of the dictionary in it', async () => {
    const result = (await runBody('features.ablate', ablate, params({ protocol: 'faithful' })))!;
    const again = (await runBody('features.ablate', ablate, params({ protocol: 'faithful' })))!;
    expect(Object.keys(result.metrics)).not.toContain('effect_matched');
    expect(result.metrics.loss_change?.value).toBeGreaterThan(0);
    expect(tableOf(result)).toEqual(tableOf(again));
    expect(tableOf(result).rows).toHaveLength(1);
  });

  test('nothing related is a finding, and no number is made up', async () => {
    const result = (await runBody('features.ablate', ablate, params({ features: nothingRelated() })))!;
    expect(result.metrics).toEqual({ features_removed: { value: 0 } });
  });

  test('prompts and completions that do not fit the model are one error', async () => {
    const long = runBody('features.ablate', ablate, params({ 'completion-tokens': 5000 }));
    await expect(long).rejects.toThrow(/do not fit the model's/);
  });
});

describe('features.steer', () => {
  const params = (more = {}) => ({
    ...{ model, activations, prompts: texts, reward: feedback },
    ...{ count: 48, 'completion-tokens': 10, 'random-draws': 2, batch: 48 },
    ...more,
  });

  test('slopes and effects are those of the table, and steering costs more loss than nothing', async () => {
    const result = (await runBody('features.steer', steer, params({ doses: [-1, 1], base: model })))!;
    const value = (name: string) => result.metrics[name]?.value as number;
    const { rows } = tableOf(result);
    const [down, up] = rows.map(({ effect }) => effect as number) as [number, number];
    expect(value('effect')).toBeCloseTo(up, 12);
    expect(value('reward_steered') - value('reward_intact')).toBeCloseTo(up, 12);
    expect(value('slope')).toBeCloseTo((up - down) / 2, 12);
    expect(value('slope_over_random')).toBeCloseTo(value('slope') - value('slope_random'), 12);
    expect(value('slope_base')).toBe(value('slope'));
    expect(result.metrics.slope_over_base).toMatchObject({ value: 0, ci_low: 0, ci_high: 0 });
    expect(value('loss_change')).toBeGreaterThan(0);
    expect(value('loss_change_random')).toBeGreaterThan(0);
    expect(result.metrics.features_steered).toBeUndefined();
  });

  test('by features, beside as many others; the dose 0 changes nothing', async () => {
    const chosen = { direction: 'features', dictionaries: [dictionary], features };
    const result = (await runBody(
      'features.steer',
      steer,
      params({ ...chosen, doses: [0, 0.5], count: 32 }),
    ))!;
    expect(result.metrics.features_steered?.value).toBeGreaterThan(0);
    expect(result.metrics.slope_matched?.n).toBe(32);
    expect(tableOf(result).rows[0]).toMatchObject({ effect: 0, loss: 0, length: 0 });
    const none = (await runBody('features.steer', steer, params({ ...chosen, features: nothingRelated() })))!;
    expect(none.metrics).toEqual({ features_steered: { value: 0 } });
  });

  test.each([
    [{ direction: 'features' }, /needs `features` and `dictionaries`/],
    [{ model: { $artifact: 'model', digest: 'x', directory: '' } }, /of another model/],
  ])('%j is one clear error', async (more, message) => {
    const given = params(more);
    if (given.model.digest === 'x') given.model = { ...model, digest: 'x' };
    await expect(runBody('features.steer', steer, given)).rejects.toThrow(message);
  });
});

describe('features.frequency', () => {
  const probeOf = (protocol: string) =>
    made(
      'probe.fit',
      fit,
      {
        ...{ role: 'tuned', activations, dictionaries: [dictionary], triples, feedback },
        ...{ method: 'ridge', protocol, shuffles: 1 },
      },
      'probe',
    );
  const params = (probe: Artifact, more = {}) => ({
    ...{ probe, activations, dictionaries: [dictionary], features, 'random-draws': 40 },
    ...more,
  });

  test('rates are those of the codes at high points, beside features of like density', async () => {
    // Every fourth, those most active among them: of few and rare ones no ratio may be defined.
    const some = { features: relatedWhere((i) => i % 4 === 0) };
    const result = (await runBody(
      'features.frequency',
      frequency,
      params(await probeOf('corrected'), some),
    ))!;
    const { metrics } = result;
    expect(metrics.points_high?.value).toBe(Math.round(0.2 * (metrics.points_high?.n as number)));
    // Top-k: of all features, k are active at every point (fewer where less than k are above 0).
    expect(metrics.rate_all?.value).toBeGreaterThan(0.9 * (4 / 96));
    expect(metrics.rate_all?.value).toBeLessThanOrEqual(4 / 96 + 1e-9);
    expect(metrics.ratio_all?.value).toBeCloseTo(
      (metrics.rate_flagged?.value as number) / (metrics.rate_all?.value as number),
      12,
    );
    expect(metrics.ratio_matched?.p_value).toBeGreaterThan(0);
    expect(tableOf(result).rows).toHaveLength(7);
  });

  test('as published, with a probe as published; with another it is one error', async () => {
    const probe = await probeOf('faithful');
    const { metrics } = (await runBody(
      'features.frequency',
      frequency,
      params(probe, { protocol: 'faithful' }),
    ))!;
    expect(metrics.points_high?.value).toBeGreaterThan(0);
    expect(metrics.ratio_all?.value).toBeGreaterThan(0);
    await expect(runBody('features.frequency', frequency, params(probe))).rejects.toThrow(
      /The probe is a faithful ridge, which does not fit `protocol: corrected`/,
    );
  });
});
