import { expect, test } from 'vitest';
import { doseSlopes } from '../../../ml/features/dose-response.ts';
import { changeOf, changeOfDraws, type Outcome, rewardOverDraws } from '../../../ml/features/outcome.ts';
import { stream } from '../../../ml/random/stream.ts';

const noise = stream(0, 'noise');
const intact: Outcome = {
  rewards: Float64Array.from({ length: 200 }, () => 5 * noise.normal()),
  lengths: new Float64Array(200).fill(20),
  losses: Float64Array.from({ length: 200 }, () => 3 + noise.normal()),
  completions: ['a good film a good film', 'the end'],
};
const shifted = (by: number, sd = 0.1): Outcome => ({
  ...intact,
  rewards: intact.rewards.map((reward) => reward + by + sd * noise.normal()),
  losses: (intact.losses as Float64Array).map((loss) => loss + 0.5),
});

test('changes are paired by prompt: what all conditions share cancels', () => {
  const change = changeOf(shifted(-1), intact, stream(0, 'bootstrap'));
  expect(change.reward.value).toBeCloseTo(-1, 1);
  expect(change.reward.ci_high).toBeLessThan(-0.95);
  expect(change.loss?.value).toBeCloseTo(0.5, 10);
  expect(change.length.value).toBe(0);
  // a good, good film, film a, a good, good film; the end.
  expect(change.distinct2).toBeCloseTo(4 / 6, 12);
});

test('draws that differ widen the interval of their control, however many prompts there are', () => {
  const alike = [shifted(-0.3), shifted(-0.3), shifted(-0.3)];
  const unlike = [shifted(-0.9), shifted(0), shifted(0)];
  const width = (draws: Outcome[]) => {
    const { reward } = changeOfDraws(draws, intact);
    expect(reward.value).toBeCloseTo(-0.3, 1);
    return (reward.ci_high as number) - (reward.ci_low as number);
  };
  expect(width(alike)).toBeLessThan(0.05);
  expect(width(unlike)).toBeGreaterThan(1);
  expect(rewardOverDraws(shifted(-1), alike).ci_high).toBeLessThan(-0.6);
  expect(rewardOverDraws(shifted(-1), unlike).ci_high).toBeGreaterThan(0);
});

test('a slope tells what acts by its sense from what only disturbs', () => {
  const doses = [-0.5, 0, 0.5, 1];
  const at = (reward: (dose: number) => number) =>
    doses.map((dose) => ({ dose, values: Float64Array.of(reward(dose), 2 * reward(dose)) }));
  expect(Array.from(doseSlopes(at((dose) => 3 * dose + 1)))).toEqual([3, 6]);
  expect(doseSlopes(doses.slice(0, 3).map((dose) => ({ dose, values: [-Math.abs(dose)] })))[0]).toBeCloseTo(
    0,
  );
  expect(() => doseSlopes([{ dose: 0, values: [1] }])).toThrow(/two different doses/);
});
