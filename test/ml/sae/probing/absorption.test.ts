import { expect, test } from 'vitest';
import { absorptionOf, conceptDirection } from '../../../../ml/sae/probing/absorption.ts';
import type { Matrix } from '../fixture.ts';
import { saeBench } from '../metrics/sae-bench.ts';

interface Section {
  direction: number[];
  decoder: Matrix;
  features: Matrix;
  acts: Matrix;
  main: number[];
  full: boolean[];
  fraction: number[];
}

test('tokens are absorbed as SAEBench has it', () => {
  const { direction, decoder, features, acts, main, full, fraction } = saeBench<Section>('absorption');
  // SAEBench takes the decoder's rows for unit vectors.
  const unit = decoder.flatMap((row) => row.map((value) => value / Math.hypot(...row)));
  const concept = conceptDirection(Float32Array.from(unit), direction, main);
  const found = acts.map((x, n) => absorptionOf(x, features[n]!, concept));
  expect(found.map((token) => token.full)).toEqual(full);
  fraction.forEach((share, n) => {
    expect(found[n]!.fraction).toBeCloseTo(share, 4);
  });
  expect(full.filter(Boolean).length).toBeGreaterThan(10);
});

test('nothing is absorbed where the main feature carries the concept, all where another one does', () => {
  const decoder = Float32Array.of(1, 0, /**/ 0.8, 0.6, /**/ 0, 1);
  const concept = conceptDirection(decoder, [2, 0], [0]);
  expect(absorptionOf([3, 0], [3, 0, 0], concept)).toEqual({ silent: false, full: false, fraction: 0 });
  expect(absorptionOf([2.4, 1.8], [0, 3, 0], concept)).toEqual({ silent: true, full: true, fraction: 1 });
  // Half and half; and a feature that has nothing to do with the concept.
  expect(absorptionOf([2, 0.75], [1, 1.25, 0], concept).fraction).toBeCloseTo(0.5, 6);
  expect(absorptionOf([2, 5], [0, 0, 5], concept)).toEqual({ silent: true, full: false, fraction: 0 });
});
