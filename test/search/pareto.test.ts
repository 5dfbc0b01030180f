import { describe, expect, test } from 'vitest';
import { hypervolume, largestSubset } from '../../search/hypervolume.ts';
import { nonDominationRanks, paretoFront } from '../../search/pareto.ts';
import { fixture } from './fixture.ts';

describe.each(fixture.fronts)(
  '$losses.length points',
  ({ losses, reference, ranks, volume, distinct, subset }) => {
    test('have the ranks that Optuna gives', () => {
      expect([...nonDominationRanks(losses)]).toEqual(ranks);
      expect(paretoFront(losses)).toEqual(ranks.flatMap((rank, i) => (rank === 0 ? [i] : [])));
    });

    test('have the hypervolume that Optuna gives', () => {
      expect(hypervolume(losses, reference)).toBeCloseTo(volume, 9);
    });

    test('of their front as many are as large together as those that Optuna takes', () => {
      const own = largestSubset(distinct, reference, subset.length);
      const size = (chosen: readonly number[]) =>
        hypervolume(
          chosen.map((i) => distinct[i] as number[]),
          reference,
        );
      expect(size(own)).toBeCloseTo(size(subset), 9);
    });
  },
);

test('points beyond the reference add nothing', () => {
  expect(
    hypervolume(
      [
        [1, 1],
        [3, 0],
      ],
      [2, 2],
    ),
  ).toBe(1);
  expect(hypervolume([], [1, 1])).toBe(0);
  expect(hypervolume([[0.25]], [1])).toBe(0.75);
});
