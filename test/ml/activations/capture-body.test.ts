import { cpSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { run } from '../../../activities/kinds/activations.capture.ts';
import * as capturing from '../../../ml/activations/capture.ts';
import { openActivations } from '../../../ml/activations/read.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { stream } from '../../../ml/random/stream.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';
import { readDirectory } from './directories.ts';
import { directoryOf, runBody, temporaryDirectory } from './run-body.ts';
import { modelArtifact, randomTexts, textsArtifact, WIDTH } from './small-model.ts';

const tf = tensorflow();
const DEFAULTS = {
  ...{ site: 'mlp_out', protocol: 'corrected', tokens: 60_000, 'max-length': 256, batch: 4 },
  ...{ dtype: 'f32', 'shard-size': 32 },
};

/** MLP outputs of one text on its own, by the model itself: [T, D]. */
async function alone(model: { directory: string }, text: string, layer: number): Promise<Float32Array> {
  const loaded = await loadModel(model.directory);
  const ids = loadTokenizer(model.directory).encode(text);
  let acts = new Float32Array(0);
  const run = (acts_BTD: import('@tensorflow/tfjs').Tensor3D) => {
    acts = acts_BTD.dataSync() as Float32Array<ArrayBuffer>;
    return undefined;
  };
  loaded.forward(tf.tensor2d([ids], undefined, 'int32'), { hooks: [{ site: 'mlp_out', layer, run }] });
  loaded.dispose();
  return acts;
}

test('every row is what the model computes for its text alone, in every layer', async () => {
  const model = modelArtifact('m');
  const texts = randomTexts(60, stream(1, 'test.texts'));
  const params = { ...DEFAULTS, model, data: textsArtifact(texts, 'd'), layers: [2, 0, 2] };
  const { result } = await runBody({ body: run, params });
  const activations = openActivations(directoryOf(result, 'activations'));
  const { index } = activations;
  expect(activations.layers).toEqual([0, 2]);
  const { text, position, token } = activations.origins();
  const tokenizer = loadTokenizer(model.directory);
  for (const layer of [0, 2]) {
    const rows = activations.rows(layer, 0, index.rows);
    for (const row of [0, 1, 17, index.rows - 1]) {
      const content = texts[text[row]!]!;
      expect(token[row]).toBe(tokenizer.encode(content)[position[row]!]);
      const wanted = (await alone(model, content, layer)).subarray(
        position[row]! * WIDTH,
        (position[row]! + 1) * WIDTH,
      );
      wanted.forEach((value, d) => {
        expect(rows[row * WIDTH + d]).toBeCloseTo(value, 4);
      });
    }
  }
  // The first position of each text is left out, and nothing else.
  const lengths = texts.map((content) => tokenizer.encode(content).length);
  expect(index.rows).toBe(lengths.reduce((sum, length) => sum + length - 1, 0));
  expect(Math.min(...position)).toBe(1);
  const squares =
    activations.rows(0, 0, index.rows).reduce((sum, value) => sum + value * value, 0) / index.rows;
  expect(index.captures[0]!.meanSquareNorm).toBeCloseTo(squares, 6);
  expect(index.captures[0]!.scale).toBeCloseTo(1 / Math.sqrt(squares), 6);
});

test('texts come in random order, whole, until there are enough positions', async () => {
  const params = {
    ...DEFAULTS,
    model: modelArtifact('m'),
    data: textsArtifact(randomTexts(60, stream(1, 'test.texts')), 'd'),
    layers: [0],
    tokens: 100,
  };
  const { result } = await runBody({ body: run, params });
  const activations = openActivations(directoryOf(result, 'activations'));
  expect(activations.index.rows).toBeGreaterThanOrEqual(100);
  expect(activations.index.rows).toBeLessThan(100 + 16);
  const order = [...new Set(activations.origins().text)];
  expect(order).not.toEqual([...order].sort((a, b) => a - b));
  const again = await runBody({ body: run, params });
  expect(readDirectory(directoryOf(again.result, 'activations'))).toEqual(
    readDirectory(directoryOf(result, 'activations')),
  );
});

test('a capture that dies and goes on from a checkpoint writes the same bytes', async () => {
  const params = {
    ...DEFAULTS,
    model: modelArtifact('m'),
    data: textsArtifact(randomTexts(150, stream(2, 'test.texts')), 'd'),
    layers: [0, 1],
  };
  const whole = await runBody({ body: run, params });
  const first = await runBody({ body: run, params, checkpointEvery: 1, dieAfter: 2 });
  expect(first.result).toBeNull();
  const second = await runBody({ body: run, params, resume: first.checkpoints.at(-1)! });
  expect(readDirectory(directoryOf(second.result, 'activations'))).toEqual(
    readDirectory(directoryOf(whole.result, 'activations')),
  );
});

test('a checkpoint names the shards that are written and holds only the rest', async () => {
  const params = {
    ...DEFAULTS,
    model: modelArtifact('m'),
    data: textsArtifact(randomTexts(400, stream(2, 'test.texts')), 'd'),
    sites: ['mlp_in', 'mlp_out'],
    layers: [0],
    'shard-size': 0.01,
    dtype: 'f16',
  };
  const whole = await runBody({ body: run, params });
  const names = Object.keys(readDirectory(directoryOf(whole.result, 'activations')));
  expect(names.filter((name) => name.startsWith('mlp_in-0-')).length).toBeGreaterThan(4);
  const first = await runBody({ body: run, params, checkpointEvery: 2, dieAfter: 8 });
  const handedOver = first.checkpoints.map(({ directory }) =>
    existsSync(join(directory, 'files')) ? readdirSync(join(directory, 'files')) : [],
  );
  // Each shard once, in the checkpoint after it was written.
  const all = handedOver.flat();
  expect(all.length).toBeGreaterThan(4);
  expect(new Set(all).size).toBe(all.length);
  for (const { directory } of first.checkpoints)
    expect(statSync(join(directory, 'state.safetensors')).size).toBeLessThan(2 ** 17);
  // As the store gives it back: with the shards of the checkpoints before it.
  const last = first.checkpoints.at(-1)!;
  for (const { directory } of first.checkpoints.slice(0, -1)) {
    if (existsSync(join(directory, 'files')))
      cpSync(join(directory, 'files'), join(last.directory, 'files'), { recursive: true });
  }
  const second = await runBody({ body: run, params, checkpointEvery: 2, dieAfter: 10, resume: last });
  // A new attempt hands all of them over again: those of the first may be gone with it.
  expect(readdirSync(join(second.checkpoints[0]!.directory, 'files'))).toEqual(expect.arrayContaining(all));
  const third = await runBody({ body: run, params, resume: second.checkpoints[0]! });
  expect(readDirectory(directoryOf(third.result, 'activations'))).toEqual(
    readDirectory(directoryOf(whole.result, 'activations')),
  );
});

test('of a damaged result only what is lost is computed again, to the same bytes', async () => {
  const params = {
    ...DEFAULTS,
    model: modelArtifact('m'),
    data: textsArtifact(randomTexts(400, stream(2, 'test.texts')), 'd'),
    sites: ['mlp_in', 'block_out'],
    layers: [0, 1],
    'shard-size': 0.02,
  };
  const { result } = await runBody({ body: run, params });
  const wanted = readDirectory(directoryOf(result, 'activations'));
  const left = temporaryDirectory();
  cpSync(directoryOf(result, 'activations'), left, { recursive: true });
  for (const name of ['block_out-1-0002', 'rows-0000', 'statistics'])
    rmSync(join(left, `${name}.safetensors`));
  rmSync(join(left, 'activations.json'));
  const forward = vi.spyOn(capturing, 'captureItems');
  const again = await runBody({ body: run, params, salvaged: { activations: left } });
  expect(readDirectory(directoryOf(again.result, 'activations'))).toEqual(wanted);
  // 32 texts at a time, of 8.5 tokens on average but the first: a shard of 327 rows lies in two or three of 13 windows.
  expect(forward.mock.calls.length).toBeGreaterThan(0);
  expect(forward.mock.calls.length).toBeLessThan(4);
  forward.mockRestore();
});

test('several sites come from one pass, and a reader says which it means', async () => {
  const model = modelArtifact('m');
  const data = textsArtifact(randomTexts(60, stream(1, 'test.texts')), 'd');
  const of = async (changes: Record<string, unknown>) => {
    const { result } = await runBody({
      body: run,
      params: { ...DEFAULTS, model, data, layers: [1], ...changes },
    });
    return directoryOf(result, 'activations');
  };
  const both = await of({ sites: ['mlp_in', 'mlp_out'] });
  for (const site of ['mlp_in', 'mlp_out'] as const) {
    const alone = openActivations(await of({ site }));
    const together = openActivations(both, site);
    expect(together.rows(1, 0, 50)).toEqual(alone.rows(1, 0, 50));
    expect(together.mean(1)).toEqual(alone.mean(1));
    expect(together.layer(1).scale).toBe(alone.layer(1).scale);
  }
  expect(() => openActivations(both)).toThrow('Several sites were captured: mlp_in, mlp_out');
  expect(() => openActivations(both, 'block_in')).toThrow(
    'The site block_in was not captured: mlp_in, mlp_out were',
  );
});

test('the published protocol keeps padding, the first position and the file order', async () => {
  const texts = ['the film was very great', 'a plot', 'so dull'];
  const params = {
    ...DEFAULTS,
    protocol: 'faithful',
    model: modelArtifact('m'),
    data: textsArtifact(texts, 'd'),
    layers: [0],
  };
  const { result } = await runBody({ body: run, params });
  const { text, position } = openActivations(directoryOf(result, 'activations')).origins();
  expect([...text]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
  expect([...position]).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
});

test('triples give one row a member, at the target word whatever stands behind it', async () => {
  const model = modelArtifact('m');
  const directory = temporaryDirectory();
  const member = (text: string, word: string) => ({ text, word, start: text.indexOf(word) });
  const members = {
    positive: member('the film was great', 'great'),
    neutral: member('the film was odd', 'odd'),
    negative: member('the film was dull', 'dull'),
  };
  const pick = <T>(of: (m: (typeof members)['positive']) => T) =>
    Object.fromEntries(Object.entries(members).map(([name, m]) => [name, of(m)]));
  const triple = {
    id: 't0',
    document: 0,
    texts: pick(({ text }) => `${text} and so very cold`),
    words: pick(({ word }) => word),
    spans: pick(({ start, word }) => [start, start + word.length]),
    fold: 0,
    split: 'train',
  };
  writeFileSync(join(directory, 'triples.jsonl'), `${JSON.stringify(triple)}\n`);
  const triples = { $artifact: 'triples', digest: 't', directory };
  const { result } = await runBody({ body: run, params: { ...DEFAULTS, model, triples, layers: [1] } });
  const activations = openActivations(directoryOf(result, 'activations'));
  expect(activations.index.rows).toBe(3);
  expect([...activations.origins().position]).toEqual([3, 3, 3]);
  for (const [row, name] of (['positive', 'neutral', 'negative'] as const).entries()) {
    const wanted = (await alone(model, members[name].text, 1)).subarray(3 * WIDTH);
    const got = activations.rows(1, row, row + 1);
    got.forEach((value, d) => {
      expect(value).toBeCloseTo(wanted[d]!, 4);
    });
  }
});

test('a layer that the model lacks, and texts without tokens, are refused by name', async () => {
  const model = modelArtifact('m');
  const data = textsArtifact(['the film'], 'd');
  await expect(runBody({ body: run, params: { ...DEFAULTS, model, data, layers: [3] } })).rejects.toThrow(
    'Layer 3: the model has layers 0 to 2',
  );
  await expect(
    runBody({ body: run, params: { ...DEFAULTS, model, data: textsArtifact(['film'], 'd'), layers: [0] } }),
  ).rejects.toThrow(/None of the 1 texts/);
});
