import { expect, test } from 'vitest';
import { ActivationSurvey, candidates } from '../../../ml/features/examples.ts';
import { evenlyRandom, matchedRandom } from '../../../ml/features/matched.ts';
import { stream } from '../../../ml/random/stream.ts';

const encoded = (rows: number[][]) => ({
  tokens: rows.map((_, i) => `t${i}`),
  activations_TF: Float32Array.from(rows.flat()),
});

test('a survey counts densities and means over all positions and ranks texts by their peak', () => {
  const survey = new ActivationSurvey(2);
  survey.add(
    7,
    encoded([
      [1, 0],
      [3, 0],
    ]),
  );
  survey.add(
    8,
    encoded([
      [5, 0],
      [0, 2],
    ]),
  );
  expect(survey.positions).toBe(4);
  expect([...survey.active_F]).toEqual([3, 1]);
  expect([...survey.total_F]).toEqual([9, 2]);
  expect(survey.ranked(0)).toEqual([
    { text: 8, peak: 5 },
    { text: 7, peak: 3 },
  ]);
});

test('candidates are active in texts of both sorts, often enough and not everywhere', () => {
  const survey = new ActivationSurvey(3);
  const rows = [
    [1, 1, 0],
    [1, 0, 2],
  ];
  for (let text = 0; text < 4; text++)
    survey.add(
      text,
      encoded(
        text === 3
          ? [...rows, [0, 0, 0]]
          : [
              [1, 0, text],
              [0, 0, 0],
            ],
      ),
    );
  const scoring = [false, true, false, true];
  const of = (minimumTexts: number, maximumDensity: number, split = scoring) =>
    candidates(survey, { minimumTexts, maximumDensity }, split);
  expect(of(1, 1)).toEqual([0, 2]); // latent 1 is active in a text for scoring only
  expect(of(4, 1)).toEqual([0]);
  expect(of(1, 0.5)).toEqual([2]);
  expect(of(1, 1, [true, true, true, true])).toEqual([]);
});

test('matched random features are as many, as active, alive, and none of those flagged', () => {
  const means = Array.from({ length: 300 }, (_, i) => (i % 7 === 0 ? 0 : Math.exp(-i / 40)));
  const flagged = [1, 2, 50, 51, 120];
  const drawn = matchedRandom(flagged, { means, densities: means }, stream(0, 'matched'));
  expect(drawn).toHaveLength(flagged.length);
  expect(new Set(drawn).size).toBe(drawn.length);
  expect(drawn.some((feature) => flagged.includes(feature) || means[feature] === 0)).toBe(false);
  const total = (set: number[]) => set.reduce((sum, feature) => sum + (means[feature] as number), 0);
  expect(Math.abs(total(drawn) / total(flagged) - 1)).toBeLessThan(0.15);
});

test('matched random features are alike in density, too, where equal means come of rare strong ones', () => {
  const densities = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 0.2 : 0.002));
  const means = densities.map((_, i) => 0.1 + i / 4000);
  const flagged = [10, 100, 200, 301];
  const drawn = matchedRandom(flagged, { means, densities }, stream(1, 'matched'));
  expect(drawn.filter((feature) => densities[feature] === 0.2)).toHaveLength(3);
});

test('evenly random features are as many, alive, not flagged, and of any activity', () => {
  const means = Array.from({ length: 50 }, (_, i) => (i < 10 ? 0 : i));
  const counts = new Set<number>();
  for (let draw = 0; draw < 60; draw++) {
    const drawn = evenlyRandom([11, 12], { means, densities: means }, stream(draw, 'even'));
    expect(drawn).toHaveLength(2);
    expect(drawn.some((feature) => feature < 13 && feature !== 10)).toBe(false);
    for (const feature of drawn) counts.add(feature);
  }
  expect(counts.size).toBeGreaterThan(30);
});
