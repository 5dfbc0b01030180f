import { expect, test } from 'vitest';
import { tensorChange } from '../../../ml/divergence/change.ts';
import { frobeniusDivergence } from '../../../ml/divergence/frobenius.ts';
import { layerDivergence, rankLayers, selectLayers } from '../../../ml/divergence/layers.ts';
import { relativeDivergence } from '../../../ml/divergence/relative.ts';
import type { TensorPair } from '../../../ml/divergence/types.ts';

const pair = (name: string, base: number[], tuned: number[]): TensorPair => ({
  name,
  base: Float32Array.from(base),
  tuned: Float32Array.from(tuned),
});

test('the faithful divergence sums the norms of the changes, not their squares', () => {
  const tensors = [pair('a', [0, 0], [3, 4]), pair('b', [1, 1, 1], [1, 1, 3])].map(tensorChange);
  expect(frobeniusDivergence(tensors)).toBeCloseTo(5 + 2, 12);
});

test('the relative divergence of one tensor is its change over its norm', () => {
  expect(relativeDivergence([tensorChange(pair('a', [3, 4], [3, 4.5]))])).toBeCloseTo(0.1, 12);
});

test('the relative divergence does not depend on the scale of a tensor; the faithful one does', () => {
  const plain = [pair('a', [1, 2], [1.5, 2]), pair('b', [3, 1], [3, 2])].map(tensorChange);
  const scaled = [pair('a', [100, 200], [150, 200]), pair('b', [3, 1], [3, 2])].map(tensorChange);
  expect(relativeDivergence(scaled)).toBeCloseTo(relativeDivergence(plain), 12);
  expect(frobeniusDivergence(scaled)).toBeGreaterThan(10 * frobeniusDivergence(plain));
});

test('a tensor counts by its elements', () => {
  const big = pair('matrix', Array(90).fill(1), Array(90).fill(1));
  const small = pair('bias', Array(10).fill(1), Array(10).fill(2));
  expect(relativeDivergence([big, small].map(tensorChange))).toBeCloseTo(Math.sqrt(0.1), 12);
});

test('a tensor of zeros in the base model has no relative change', () => {
  const tensors = [pair('bias', [0, 0], [1, 1]), pair('a', [3, 4], [3, 4.5])].map(tensorChange);
  expect(relativeDivergence(tensors)).toBeCloseTo(0.1, 12);
  expect(relativeDivergence([tensorChange(pair('bias', [0], [1]))])).toBe(0);
});

test('MLP and block are measured apart', () => {
  const layer = layerDivergence(2, [
    pair('gpt_neox.layers.2.mlp.dense_h_to_4h.weight', [3, 4], [3, 5]),
    pair('gpt_neox.layers.2.attention.dense.weight', [1], [3]),
  ]);
  expect(layer).toMatchObject({ layer: 2, frobenius: 3, mlpFrobenius: 1, mlpRelative: 0.2 });
});

test('the two protocols may choose different layers; the choice is ascending and ties go to the earlier layer', () => {
  const layers = [
    layerDivergence(0, [pair('big', [100, 0], [102, 0])]),
    layerDivergence(1, [pair('small', [1, 0], [1.5, 0])]),
    layerDivergence(2, [pair('small', [2, 0], [3, 0])]),
    layerDivergence(3, [pair('still', [2, 0], [2, 0])]),
  ];
  const faithful = rankLayers(layers, 'faithful', 'block');
  const corrected = rankLayers(layers, 'corrected', 'block');
  expect(faithful).toEqual([0, 2, 1, 3]);
  expect(corrected).toEqual([1, 2, 0, 3]);
  expect(selectLayers(faithful, 2)).toEqual([0, 2]);
  expect(selectLayers(corrected, 2)).toEqual([1, 2]);
  expect(selectLayers(corrected, 9)).toEqual([0, 1, 2, 3]);
});

test('tensors of different sizes cannot be compared', () => {
  expect(() => tensorChange(pair('a', [1, 2], [1]))).toThrow(
    'a has 2 elements in the base model and 1 in the tuned one',
  );
});
