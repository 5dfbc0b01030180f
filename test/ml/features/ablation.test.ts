import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { interventionHooks } from '../../../ml/features/ablation.ts';
import type { Hook } from '../../../ml/models/types.ts';
import { createDictionary, type DictionaryConfig } from '../../../ml/sae/dictionary.ts';

const tf = tensorflow();
const config: DictionaryConfig = {
  variant: 'l1-tied',
  layer: 1,
  site: 'mlp_out',
  width: 2,
  features: 3,
  activation: { type: 'relu' },
  subtractsDecoderBias: false,
  trainingScale: 1,
  threshold: null,
  model: '',
  data: '',
  texts: { total: 0, visited: 0, shuffle: null },
  skippedPositions: 0,
  maxLength: 8,
  training: {},
};
const dictionary = () =>
  createDictionary(config, {
    W_enc: Float32Array.from([1, 0, -1, 0, 1, 0]),
    W_dec: Float32Array.from([1, 0, 0, 1, -1, 0]),
    b_enc: Float32Array.from([0, 0, 0]),
    b_dec: Float32Array.from([0.25, 0.25]),
  });

const apply = (set: number[], scale: number) => {
  const d = dictionary();
  const { hooks, dispose } = interventionHooks([d], { type: 'features', sets: new Map([[d, set]]), scale });
  const out = hooks[0]?.run(
    tf.tensor3d([
      [
        [2, 3],
        [-1, 0.5],
      ],
    ]),
  );
  dispose();
  return out ? Array.from(out.dataSync()) : undefined;
};

test('removing a feature takes away what it wrote and leaves the rest, the error of the dictionary included', () => {
  expect(apply([0], 1)).toEqual([0, 3, -1, 0.5]);
  expect(apply([1], 1)).toEqual([2, 0, -1, 0]);
  expect(apply([2], 1)).toEqual([2, 3, 0, 0.5]);
});

test('doses scale what is taken away: 0 nothing, 2 inverts, -1 doubles', () => {
  expect(apply([0], 0)).toEqual([2, 3, -1, 0.5]);
  expect(apply([0], 2)).toEqual([-2, 3, -1, 0.5]);
  expect(apply([0], -1)).toEqual([4, 3, -1, 0.5]);
});

test('no features, no hook: nothing is paid for', () => {
  expect(apply([], 1)).toBeUndefined();
});

test('reconstruction replaces activations by what the dictionary makes of them', () => {
  const d = dictionary();
  const { hooks } = interventionHooks([d], { type: 'reconstruct' });
  expect(hooks[0]).toMatchObject({ site: 'mlp_out', layer: 1 });
  expect(
    Array.from(
      ((hooks[0] as Hook).run(tf.tensor3d([[[2, 3]]])) as ReturnType<typeof tf.tensor3d>).dataSync(),
    ),
  ).toEqual([2.25, 3.25]);
});

test('as published, the features go and the error of the dictionary with them', () => {
  const d = dictionary();
  const { hooks } = interventionHooks([d], { type: 'published', sets: new Map([[d, [1]]]) });
  const changed = (hooks[0] as Hook).run(tf.tensor3d([[[2, 3]]])) as ReturnType<typeof tf.tensor3d>;
  expect(Array.from(changed.dataSync())).toEqual([2.25, 0.25]);
});
