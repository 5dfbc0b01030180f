import { expect, test } from 'vitest';
import { gae } from '../../../ml/rlhf/gae.ts';
import { tokenRewards } from '../../../ml/rlhf/ppo-rewards.ts';
import { realEntries, toGrid } from '../../../ml/rlhf/response-grid.ts';
import { whiten } from '../../../ml/rlhf/whiten.ts';
import { gridOf, largestDifference, lengthsOf, referenceMaths } from './reference-maths.ts';

test('whitening equals the reference, with the mean removed and kept', () => {
  const fixture =
    referenceMaths<Record<'values' | 'mask' | 'shift_mean' | 'no_shift', number[][]>>('masked_whiten');
  const lengths = lengthsOf(fixture.mask);
  const values = gridOf(fixture.values);
  expect(largestDifference(whiten(values, lengths, { keepMean: false }), fixture.shift_mean)).toBeLessThan(
    1e-5,
  );
  expect(largestDifference(whiten(values, lengths, { keepMean: true }), fixture.no_shift)).toBeLessThan(1e-5);
});

test('with lambda 1 and no discount, the return is the sum of the rewards to come, whatever the values', () => {
  const { returns } = gae(gridOf([[1, 2, 3]]), gridOf([[0.5, -7, 2]]), { gamma: 1, lambda: 1 });
  expect([...returns[0]!]).toEqual([6, 5, 3]);
});

test('with lambda 0, the advantage is the one-step error', () => {
  const { advantages } = gae(gridOf([[1, 2, 3]]), gridOf([[0.5, 1, 2]]), { gamma: 0.9, lambda: 0 });
  expect(largestDifference(advantages, [[1 + 0.9 * 1 - 0.5, 2 + 0.9 * 2 - 1, 3 - 2]])).toBeLessThan(1e-12);
});

test('the score lands on the last real token, also when the row ends early; an empty row gets none', () => {
  const kl = gridOf([
    [1, 1, 1],
    [1, 1, 1],
    [0, 0, 0],
  ]);
  expect(tokenRewards(kl, [10, 20, 30], [3, 1, 0], 0.5).map((row) => [...row])).toEqual([
    [-0.5, -0.5, 9.5],
    [19.5, -0.5, -0.5],
    [-0, -0, -0],
  ]);
});

test('rows of different lengths survive the way to a vector and back', () => {
  const lengths = [2, 0, 3];
  const entries = [1, 2, 3, 4, 5];
  expect([...realEntries(toGrid(entries, lengths), lengths)]).toEqual(entries);
});
