import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as evaluate } from '../../../activities/kinds/sae.evaluate.ts';
import { KINDS } from '../../../compiler/kinds/registry.ts';
import { stream } from '../../../ml/random/stream.ts';
import type { Table } from '../../../store/table.ts';
import { directoryOf, runBody, temporaryDirectory } from '../activations/run-body.ts';
import { modelArtifact, randomTexts, textsArtifact } from '../activations/small-model.ts';
import { affineTranscoder, D, dictionaryArtifact, directions } from './comparison/planted.ts';

const F = 40;
let params: Record<string, unknown>;

beforeAll(() => {
  const dictionary = dictionaryArtifact('planted', { rows: directions(F, 'planted') });
  const data = textsArtifact(randomTexts(400, stream(1, 'test.texts')), 'other-digest');
  params = { dictionary, model: modelArtifact('model-digest'), data, texts: 60, batch: 16 };
});

const run = async (more: Record<string, unknown> = {}) =>
  (await runBody({ body: evaluate, params: { ...params, ...more } })).result!;

function lexiconOf(words: string): Record<string, unknown> {
  const path = join(temporaryDirectory(), 'words.tsv');
  writeFileSync(path, words.replaceAll(' ', '\n').replaceAll(':', '\t'));
  return { feedback: { kind: 'lexicon', file: { $path: path, sha256: '' } } };
}

test('a larger window reads further texts for firings, and changes nothing else', async () => {
  const [small, large] = [await run(), await run({ window: 2000 })];
  expect(small.metrics.dead_fraction!.n).toBeLessThan(600);
  expect(large.metrics.dead_fraction!.n).toBeGreaterThanOrEqual(2000);
  expect(large.metrics.dead_fraction!.value).toBeLessThanOrEqual(small.metrics.dead_fraction!.value);
  for (const name of ['fvu', 'l0', 'ce_reconstructed', 'decoder_similarity'])
    expect(large.metrics[name]).toEqual(small.metrics[name]);
  const density = large.outputs.density as { counts: number[]; positions: number };
  expect(density.positions).toBe(large.metrics.dead_fraction!.n);
  expect(density.counts.reduce((sum, count) => sum + count)).toBe(F);
});

test('random directions repeat one another as much as random directions do', async () => {
  const result = await run();
  const { decoder_similarity, decoder_similarity_random } = result.metrics;
  expect(Math.abs(decoder_similarity!.value - decoder_similarity_random!.value)).toBeLessThan(0.1);
  expect(decoder_similarity).toMatchObject({ n: F, n_unit: 'feature' });
  const table: Table = JSON.parse(
    readFileSync(join(directoryOf(result, 'similarity'), 'table.json'), 'utf8'),
  );
  expect(table.rows.reduce((sum, row) => sum + Number(row.count), 0)).toBe(F);
});

test('probing asks for the sign of rated words; every metric is declared', async () => {
  const probing = lexiconOf(
    'film:1 plot:2 actor:1 scene:2 great:3 fine:1 warm:2 dull:-1 odd:-2 cold:-1 but:-1 so:-2 very:-1',
  );
  const { metrics } = await run({ texts: 200, probing });
  expect(Object.keys(metrics).sort()).toEqual(Object.keys(KINDS.get('sae.evaluate')!.metrics).sort());
  expect(metrics.probing_words!.value).toBe(13);
  expect(metrics.probing_k1!.value).toBeGreaterThanOrEqual(0);
  expect(metrics.probing_k1!.value).toBeLessThanOrEqual(1);
  expect(metrics.probing_raw).toMatchObject({ n: 13, n_unit: 'word family' });
  await expect(run({ probing: lexiconOf('film:1 plot:2 dull:-1') })).rejects.toThrow(
    '2 families of positive words; probing needs 5',
  );
});

test('a transcoder is measured on what it writes, from what it reads there', async () => {
  const identity = Float32Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0));
  const none = new Float32Array(D);
  const exact = await run({ dictionary: affineTranscoder(['mlp_out', 'mlp_out'], identity, none) });
  expect(exact.metrics.fvu!.value).toBe(0);
  expect(exact.metrics.ce_reconstructed!.value).toBeCloseTo(exact.metrics.ce_clean!.value, 6);

  // A constant explains nothing, wherever it is read from, and the constant 0 is zero ablation.
  const zeros = new Float32Array(D * D);
  const nothing = await run({ dictionary: affineTranscoder(['mlp_in', 'mlp_out'], zeros, none) });
  expect(nothing.metrics.l0!.value).toBe(0);
  expect(nothing.metrics.fve!.value).toBeCloseTo(0, 5);
  expect(nothing.metrics.ce_reconstructed!.value).toBeCloseTo(nothing.metrics.ce_zero!.value, 6);
  expect(nothing.metrics.ce_reconstructed!.value).not.toBeCloseTo(nothing.metrics.ce_clean!.value, 3);

  const late = run({ dictionary: affineTranscoder(['block_out', 'mlp_out'], identity, none) });
  await expect(late).rejects.toThrow('which the model computes after mlp_out of layer 1');
});
