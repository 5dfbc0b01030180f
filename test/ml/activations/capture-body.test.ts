import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../activities/kinds/activations.capture.ts';
import { openActivations } from '../../../ml/activations/read.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { stream } from '../../../ml/random/stream.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';
import { readDirectory } from './directories.ts';
import { directoryOf, runBody, temporaryDirectory } from './run-body.ts';
import { modelArtifact, randomTexts, textsArtifact, WIDTH } from './small-model.ts';

const tf = tensorflow();
const DEFAULTS = { site: 'mlp_out', protocol: 'corrected', tokens: 60_000, 'max-length': 256, batch: 4 };

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
  expect(index.layers.map(({ layer }) => layer)).toEqual([0, 2]);
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
  expect(index.layers[0]!.meanSquareNorm).toBeCloseTo(squares, 6);
  expect(index.layers[0]!.scale).toBeCloseTo(1 / Math.sqrt(squares), 6);
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
