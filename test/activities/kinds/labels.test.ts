import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run as capture } from '../../../activities/kinds/activations.capture.ts';
import { run as synthesise } from '../../../activities/kinds/data.reviews-synthetic.ts';
import { run as classify } from '../../../activities/kinds/features.classify.ts';
import { run as explain } from '../../../activities/kinds/features.explain.ts';
import { run as score } from '../../../activities/kinds/features.score.ts';
import { run as trainModel } from '../../../activities/kinds/lm.train.ts';
import { run as trainDictionary } from '../../../activities/kinds/sae.train.ts';
import type { ActivityBody, BodyResult } from '../../../compute/types.ts';
import { expectationOf } from '../../../labeling/lexicon-judge.ts';
import type { FeatureSet } from '../../../ml/features/types.ts';
import { type Behaviour, type ChatBody, startOpenAIServer } from '../../servers/openai-server.ts';
import { directoryOf, type RunBodyOptions, runBody } from '../run-body.ts';

/** A small language model of reviews with a dictionary, and what is said of its features. */
const feedback = { kind: 'lexicon', lexicon: 'vader', scale: 0.2, clip: 10 };
const labeller = { type: 'lexicon', feedback };
const task = 'words that express sentiment';
const LAYER = 1;

const ran = async (kind: string, body: ActivityBody, params: object, options?: RunBodyOptions) =>
  (await runBody(kind, body, params as Record<string, unknown>, options)) as BodyResult;
const artifact = (type: string, result: BodyResult, output = type) => ({
  ...{ $artifact: type, digest: `${type}-${output}`, directory: directoryOf(result, output) },
});
type Artifact = ReturnType<typeof artifact>;
const setOf = ({ directory }: { directory: string }) =>
  JSON.parse(readFileSync(join(directory, 'features.json'), 'utf8')) as FeatureSet;
const altered = (set: FeatureSet): Artifact => {
  const directory = mkdtempSync(join(tmpdir(), 'features-'));
  writeFileSync(join(directory, 'features.json'), JSON.stringify(set));
  return { $artifact: 'features', digest: 'altered', directory };
};

let texts: Artifact;
let model: Artifact;
let dictionary: Artifact;
let explanations: Artifact;
const explaining = (more = {}) => ({
  ...{ dictionaries: [dictionary], model, data: texts, labeller, 'per-dictionary': 12, texts: 160 },
  ...more,
});
beforeAll(async () => {
  texts = artifact('texts', await ran('data.reviews-synthetic', synthesise, { count: 400 }));
  const architecture = { type: 'gpt-neox', layers: 2, width: 32, heads: 2 };
  model = artifact(
    'model',
    await ran('lm.train', trainModel, {
      ...{ data: texts, architecture, tokenizer: { type: 'word-level', size: 1000 }, context: 32, batch: 16 },
      ...{ steps: 80, 'learning-rate': 4e-3 },
    }),
  );
  const acts = await ran('activations.capture', capture, {
    ...{ model, data: texts, layers: [LAYER], tokens: 4000 },
  });
  dictionary = artifact(
    'sae',
    await ran('sae.train', trainDictionary, {
      ...{ activations: artifact('activations', acts), layer: LAYER, variant: 'topk', k: 4, expansion: 3 },
      ...{ batch: 64, tokens: 16000 },
    }),
  );
  explanations = artifact('features', await ran('features.explain', explain, explaining()));
}, 120_000);

describe('features.explain', () => {
  test('no text both explains and scores a feature, whichever feature it is', () => {
    const set = setOf(explanations);
    expect(set).toMatchObject({ protocol: 'corrected', prompt: 'modern' });
    expect(set.split.explaining + set.split.scoring).toBe(160);
    const shown = new Set(set.features.flatMap(({ examples }) => examples.map(({ text }) => text)));
    const kept = set.features.flatMap(({ heldOut, silent, hard }) => [...heldOut, ...silent, ...hard]);
    expect(kept.length).toBeGreaterThan(set.features.length * 10);
    expect(kept.some(({ text }) => shown.has(text))).toBe(false);
    for (const { examples, heldOut, silent, max } of set.features) {
      expect(examples.some(({ draw }) => draw === 'random')).toBe(true);
      expect(heldOut.every(({ activations }) => activations.some((activation) => activation > 0))).toBe(true);
      for (const { activations } of silent) expect(Math.max(...activations)).toBeLessThanOrEqual(0.01 * max);
    }
  });

  test('as published: five of the strongest texts, whole and short, in the paper’s form', async () => {
    const params = explaining({ protocol: 'faithful', 'min-texts': 4 });
    const set = setOf(artifact('features', await ran('features.explain', explain, params)));
    expect(set).toMatchObject({ protocol: 'faithful', prompt: 'paper' });
    for (const { examples } of set.features) {
      expect(examples.length).toBeLessThanOrEqual(5);
      for (const { tokens } of examples) expect(tokens.join(' ').length).toBeLessThanOrEqual(60);
    }
  });
});

describe('features.score', () => {
  test('offline, descriptions of words do better than those of other features; the same again has the same bytes', async () => {
    const params = { explanations, labeller, shuffles: 2 };
    const result = await ran('features.score', score, params);
    const { metrics } = result;
    for (const name of ['detection', 'detection_hard', 'fuzzing', 'simulation']) {
      const own = metrics[name]?.value as number;
      const shuffled = metrics[`${name}_shuffled`]?.value as number;
      expect(metrics[`${name}_gap`]?.value).toBeCloseTo(own - shuffled, 9);
      expect(metrics[`${name}_gap`]?.n_unit).toBe('feature');
    }
    expect(metrics.fuzzing_gap?.ci_low).toBeGreaterThan(0);
    expect(metrics.simulation_gap?.ci_low).toBeGreaterThan(0);
    expect(metrics.failed).toMatchObject({ value: 0 });
    const scored = setOf({ directory: directoryOf(result, 'features') });
    expect(scored.scorer?.type).toBe('lexicon');
    expect(scored.features.filter(({ scores }) => scores)).toHaveLength(metrics.scored?.value as number);
    const again = await ran('features.score', score, params);
    expect(setOf({ directory: directoryOf(again, 'features') })).toEqual(scored);
  });

  test('a description that says nothing scores chance, by any method', async () => {
    const set = setOf(explanations);
    const vague = set.features.map((feature) => ({
      ...feature,
      explanation: { status: 'labelled' as const, text: 'something or other' },
    }));
    const { metrics } = await ran('features.score', score, {
      ...{ explanations: altered({ ...set, features: vague }), labeller },
    });
    expect(metrics.detection?.value).toBe(0.5);
    expect(metrics.fuzzing?.value).toBe(0.5);
    expect(metrics.simulation?.value).toBe(0);
    expect(metrics.detection_established?.value).toBe(0);
  });

  test('without others’ descriptions there is a score, but nothing to compare it with', async () => {
    const { metrics } = await ran('features.score', score, {
      ...{ explanations, labeller, shuffles: 0, methods: ['detection'] },
    });
    expect(metrics.detection?.value).toBeGreaterThan(0);
    expect(Object.keys(metrics).filter((name) => /shuffled|gap|fuzzing|simulation/.test(name))).toEqual([]);
  });

  test('nothing kept back is one clear error', async () => {
    const set = setOf(explanations);
    const bare = set.features.map((feature) => ({ ...feature, heldOut: [] }));
    const params = { explanations: altered({ ...set, features: bare }), labeller };
    await expect(ran('features.score', score, params)).rejects.toThrow(/excerpts that were kept back/);
  });
});

describe('features.classify', () => {
  const raters = [
    { type: 'lexicon', feedback: { ...feedback, file: wordList('great\t2\ngood\t2\nbad\t-2\nawful\t-2\n') } },
  ];

  test('several raters, most of whom decide, and the same of the model before tuning', async () => {
    const base = artifact(
      'features',
      await ran('features.explain', explain, explaining({ choose: 'random' }), { seed: 5 }),
    );
    const result = await ran('features.classify', classify, { explanations, base, task, labeller, raters });
    const { metrics } = result;
    const set = setOf({ directory: directoryOf(result, 'features') });
    expect(set.raters).toHaveLength(2);
    expect(set.features.every(({ ratings }) => ratings?.length === 2)).toBe(true);
    expect(metrics.agreement?.value).toBeGreaterThan(0);
    expect(metrics.related_share_gap?.value).toBeCloseTo(
      (metrics.related_share?.value as number) - (metrics.related_share_base?.value as number),
      12,
    );
    expect(metrics.related_share_gap?.ci_low).toBeLessThan(metrics.related_share_gap?.value as number);
    expect(setOf({ directory: directoryOf(result, 'base_features') }).task).toBe(task);
  });

  test('one rater agrees with nobody, and without base features there is no base rate', async () => {
    const { metrics, outputs } = await ran('features.classify', classify, { explanations, task, labeller });
    expect(metrics.related_share?.n).toBeGreaterThan(0);
    expect(Object.keys(metrics).filter((name) => /kappa|agreement|base|gap/.test(name))).toEqual([]);
    expect(outputs.base_features).toBeUndefined();
  });

  test('features described in another way have no base rate to give', async () => {
    const base = altered({ ...setOf(explanations), prompt: 'paper' });
    const given = ran('features.classify', classify, { explanations, base, task, labeller });
    await expect(given).rejects.toThrow(/described in another way \(corrected, paper prompt/);
  });
});

describe('with a language model', () => {
  const key = 'PLUMB_TEST_LABEL_KEY';
  const servers: { close(): Promise<void> }[] = [];
  beforeAll(() => {
    process.env[key] = 'sk-test';
  });
  afterAll(async () => {
    delete process.env[key];
    for (const server of servers) await server.close();
  });
  const serve = async (decide: (body: ChatBody, call: number) => Behaviour) => {
    const server = await startOpenAIServer(decide);
    servers.push(server);
    return server;
  };
  const asked = (url: string, more = {}) => ({
    ...{ type: 'openai', model: 'gpt-4o-mini', 'api-key': { $secret: key }, 'base-url': url },
    ...{ 'spend-cap': 5, concurrency: 8, attempts: 2 },
    ...more,
  });

  /** A model that judges as the word list would, from what it is shown and nothing else. */
  const reader = (body: ChatBody): Behaviour => {
    const text = body.messages.at(-1)?.content ?? '';
    const expected = expectationOf(/Description: (.*)/.exec(text)?.[1] ?? '', () => 0);
    if (/Tokens: /.test(text)) {
      const tokens = JSON.parse(/Tokens: (\[.*\])/.exec(text)?.[1] ?? '[]') as string[];
      return { kind: 'answer', content: JSON.stringify({ levels: tokens.map(expected) }) };
    }
    const windows = [...text.matchAll(/^\d+\. (".*")$/gm)].map(
      ([, of]) => JSON.parse(of as string) as string,
    );
    const answers = windows.map((window) => {
      const marked = [...window.matchAll(/<<(.*?)>>/g)].map(([, token]) => token as string);
      return (marked.length > 0 ? marked : window.split(' ')).some((token) => expected(token) > 0);
    });
    return { kind: 'answer', content: JSON.stringify({ answers }) };
  };

  test('questions go out with descriptions and excerpts, answers come back as scores, and the bill is kept', async () => {
    const server = await serve(reader);
    const result = await ran('features.score', score, { explanations, labeller: asked(server.url) });
    expect(result.metrics.simulation_gap?.ci_low).toBeGreaterThan(0);
    expect(result.metrics.fuzzing?.value).toBeGreaterThan(0.5);
    expect(result.metrics.failed).toMatchObject({ value: 0 });
    expect(result.dollars).toBeGreaterThan(0);
    expect(setOf({ directory: directoryOf(result, 'features') }).scorer).toMatchObject({ type: 'openai' });
  });

  test('a reply of the wrong length is a failure, left out of every score, and too many end the step', async () => {
    const short = await serve((body, call) =>
      call % 2 === 0 ? reader(body) : { kind: 'answer', content: '{"answers": []}' },
    );
    const params = { explanations, methods: ['detection'], 'max-failed': 1 };
    const { metrics } = await ran('features.score', score, {
      ...params,
      labeller: asked(short.url, { attempts: 1, concurrency: 1 }),
    });
    const { value, n } = metrics.failed as { value: number; n: number };
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(n);
    const strict = ran('features.score', score, {
      ...{ ...params, 'max-failed': 0.1 },
      labeller: asked(short.url, { attempts: 1, concurrency: 1 }),
    });
    await expect(strict).rejects.toThrow(/questions failed/);
  });

  test('raters of one model differ by their seed, which the service gets', async () => {
    const server = await serve((body) => ({
      kind: 'answer',
      content: JSON.stringify({
        answer: (body as ChatBody & { seed?: number }).seed === 2 ? 'related' : 'unsure',
        reason: 'so',
      }),
    }));
    const rater = (seed: number) => asked(server.url, { seed, temperature: 1 });
    const result = await ran('features.classify', classify, {
      ...{ explanations, task, labeller: rater(1), raters: [rater(2), rater(2)] },
    });
    const { features } = setOf({ directory: directoryOf(result, 'features') });
    for (const { relation, ratings } of features) {
      expect(ratings?.map((rating) => rating.status === 'labelled' && rating.answer)).toEqual([
        'unsure',
        'related',
        'related',
      ]);
      expect(relation).toMatchObject({ answer: 'related' });
    }
  });

  test('the paper’s question is answered by 1 or 0', async () => {
    const server = await serve((_, call) => ({ kind: 'answer', content: `{"label": ${call % 2}}` }));
    const result = await ran('features.classify', classify, {
      ...{ explanations, task, protocol: 'faithful', labeller: asked(server.url) },
    });
    expect(result.metrics.unsure?.value).toBe(0);
    expect(result.metrics.related_share?.value).toBeCloseTo(0.5, 1);
  });
});

function wordList(text: string): { $path: string; sha256: string } {
  const path = join(mkdtempSync(join(tmpdir(), 'words-')), 'words.tsv');
  writeFileSync(path, text);
  return { $path: path, sha256: 'x' };
}
