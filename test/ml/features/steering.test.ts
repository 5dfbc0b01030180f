import { expect, test } from 'vitest';
import type { Activations } from '../../../ml/activations/read.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import {
  type Direction,
  differenceDirection,
  featureDirection,
  randomDirection,
  steeringHooks,
} from '../../../ml/features/steering.ts';
import { sample } from '../../../ml/generation/sample.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { stream } from '../../../ml/random/stream.ts';
import { createDictionary } from '../../../ml/sae/dictionary.ts';
import { modelArtifact } from '../activations/small-model.ts';

const tf = tensorflow();
const WIDTH = 4;

/** Rows of two triples: positive, neutral, negative, positive, neutral, negative. */
const rows = [
  [3, 1, 0, 0],
  [9, 9, 9, 9],
  [1, 1, 0, 2],
  [5, 0, 1, 0],
  [9, 9, 9, 9],
  [1, 0, 1, 2],
];
const activations = {
  index: { rows: 6, width: WIDTH },
  site: 'mlp_out',
  layers: [2],
  layer: () => ({ meanSquareNorm: 25 }),
  rows: (_layer: number, start: number, end: number) => Float32Array.from(rows.slice(start, end).flat()),
} as unknown as Activations;

test('the direction is that from punished to rewarded words; neutral ones do not count', () => {
  // Mean positive [4, .5, .5, 0], mean negative [1, .5, .5, 2].
  const { unit_D, norm, site, layer } = differenceDirection(activations, 2);
  const length = Math.hypot(3, 2);
  expect(Array.from(unit_D)).toEqual([3 / length, 0, 0, -2 / length].map(Math.fround));
  expect([norm, site, layer]).toEqual([5, 'mlp_out', 2]);
});

test('features write their part of it, with the sign that the words give them, or lend their weights to others', () => {
  const eye = Float32Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  const dictionary = createDictionary(
    {
      ...{ variant: 'l1-tied', layer: 2, site: 'mlp_out', width: 4, features: 4, trainingScale: 1 },
      ...{ activation: { type: 'relu' }, subtractsDecoderBias: false, threshold: null, model: '', data: '' },
      ...{ texts: { total: 0, visited: 0, shuffle: null }, skippedPositions: 0, maxLength: 8, training: {} },
    },
    { W_enc: eye, W_dec: eye, b_enc: new Float32Array(4), b_dec: new Float32Array(4) },
  );
  const along = (features: number[], as?: number[]) =>
    Array.from(featureDirection(activations, dictionary, features, as).unit_D);
  expect(along([0])).toEqual([1, 0, 0, 0]);
  expect(along([3])).toEqual([0, 0, 0, -1]);
  const length = Math.hypot(3, 2);
  expect(along([0, 3], [1, 2])).toEqual([0, 3 / length, -2 / length, 0].map(Math.fround));
  expect(() => along([1])).toThrow(/Nothing tells rewarded from punished words at layer 2/);
});

test('a dose is in norms of the activations, and a random direction is as long', () => {
  const direction = differenceDirection(activations, 2);
  for (const along of [direction, randomDirection(direction, stream(0, 'random'))]) {
    const { hooks, dispose } = steeringHooks([along], -2);
    const out = hooks[0]?.run(tf.zeros([1, 2, WIDTH])) as ReturnType<typeof tf.tensor3d>;
    expect(Math.hypot(...Array.from(out.dataSync().subarray(0, WIDTH)))).toBeCloseTo(10, 4);
    dispose();
  }
});

test('added where the model decides on the next token, it makes the tokens that it points to likelier, and less likely if taken off', async () => {
  const model = await loadModel(modelArtifact('model').directory);
  const wanted = [9];
  const rows_VD = model.unembedding.arraySync();
  const sum = rows_VD[0]!.map((_, d) => wanted.reduce((total, id) => total + rows_VD[id]![d]!, 0));
  const length = Math.hypot(...sum);
  const direction: Direction = {
    ...{ site: 'block_out', layer: model.layers - 1, norm: 20 },
    unit_D: Float32Array.from(sum, (value) => value / length),
  };
  const share = (along: Direction, dose: number) => {
    const { hooks, dispose } = steeringHooks([along], dose);
    const prompts = Array.from({ length: 40 }, (_, i) => [i % 20, (3 * i) % 20]);
    const written = sample(
      model,
      prompts,
      { maxNewTokens: 8, eosId: null, padId: 0, hooks },
      stream(0, 'completions'),
    ).flatMap(({ ids }) => ids);
    dispose();
    return written.filter((id) => wanted.includes(id)).length / written.length;
  };
  const intact = share(direction, 0);
  expect(share(direction, 4)).toBeGreaterThan(intact + 0.2);
  expect(share(direction, -4)).toBeLessThan(intact);
  const random = randomDirection(direction, stream(1, 'random'));
  expect(Math.abs(share(random, 4) - intact)).toBeLessThan(0.15);
  model.dispose();
});
