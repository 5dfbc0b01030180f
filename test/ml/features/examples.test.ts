import { expect, test } from 'vitest';
import {
  ActivationSurvey,
  candidates,
  chooseExamples,
  exampleWindow,
} from '../../../ml/features/examples.ts';
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
  expect(candidates(survey, 1, 0.5)).toEqual([1]); // feature 0 is active at three of four positions
  expect(candidates(survey, 2, 1)).toEqual([0]); // feature 1 is active in one text only
});

test('examples for showing and for scoring never overlap, and the strongest are shown', () => {
  for (const active of [1, 5, 9, 20, 200]) {
    const { shown, heldOut } = chooseExamples(active, 10, stream(0, `examples.${active}`));
    expect(new Set([...shown, ...heldOut]).size).toBe(shown.length + heldOut.length);
    expect(shown.slice(0, Math.min(5, active))).toEqual(
      Array.from({ length: Math.min(5, active) }, (_, i) => i),
    );
    expect(Math.max(...shown, ...heldOut)).toBeLessThan(active);
    if (active >= 20) expect([shown.length, heldOut.length]).toEqual([10, 10]);
  }
});

test('shown examples reach over all quantiles, not only the top', () => {
  const { shown } = chooseExamples(100, 10, stream(3, 'spread'));
  expect(Math.max(...shown)).toBeGreaterThan(75);
});

test('a window holds the peak and keeps activations aligned with tokens', () => {
  const rows = Array.from({ length: 60 }, (_, t) => [t === 40 ? 9 : 0.5]);
  const window = exampleWindow(encoded(rows), 0, 1, 1, 3);
  expect(window.tokens).toEqual(['t37', 't38', 't39', 't40', 't41', 't42', 't43']);
  expect(window.activations).toEqual([0.5, 0.5, 0.5, 9, 0.5, 0.5, 0.5]);
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
