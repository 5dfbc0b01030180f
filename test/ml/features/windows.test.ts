import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { ActivationSurvey } from '../../../ml/features/examples.ts';
import { featureExamples } from '../../../ml/features/feature-examples.ts';
import { nearestFeatures } from '../../../ml/features/neighbours.ts';
import { FeatureTraces } from '../../../ml/features/traces.ts';
import {
  peakOf,
  randomOfStrongest,
  silentAt,
  silentPosition,
  splitTexts,
  topAndQuantiles,
  windowAt,
} from '../../../ml/features/windows.ts';
import { stream } from '../../../ml/random/stream.ts';

test('half of the texts are for scoring, and which does not depend on anything but the seed', () => {
  const split = splitTexts(101, stream(0, 'split'));
  expect(split.filter(Boolean)).toHaveLength(50);
  expect(splitTexts(101, stream(0, 'split'))).toEqual(split);
});

test('the strongest and one of each share of the others: none twice, over all strengths', () => {
  for (const active of [1, 5, 9, 20, 200]) {
    const chosen = topAndQuantiles(active, { top: 5, quantiles: 5 }, stream(0, `examples.${active}`));
    const ranks = chosen.map(({ rank }) => rank);
    expect(new Set(ranks).size).toBe(ranks.length);
    expect(ranks).toHaveLength(Math.min(10, active));
    expect(ranks.slice(0, 5)).toEqual(Array.from({ length: Math.min(5, active) }, (_, i) => i));
    expect(Math.max(...ranks)).toBeLessThan(active);
    if (active === 200) expect(Math.max(...ranks)).toBeGreaterThanOrEqual(161);
  }
});

test('as published, five of the twenty strongest', () => {
  const ranks = randomOfStrongest(300, 5, stream(0, 'published')).map(({ rank }) => rank);
  expect(ranks).toHaveLength(5);
  expect(Math.max(...ranks)).toBeLessThan(20);
  expect(randomOfStrongest(3, 5, stream(0, 'published'))).toHaveLength(3);
});

test('a window holds the peak and keeps activations aligned with tokens', () => {
  const activations_T = Array.from({ length: 60 }, (_, t) => (t === 40 ? 9 : 0.5));
  const trace = { text: 7, tokens: activations_T.map((_, t) => `t${t}`), activations_T };
  const window = windowAt(trace, peakOf(activations_T), { quantile: 1, draw: 'top' }, 3);
  expect(window.tokens).toEqual(['t37', 't38', 't39', 't40', 't41', 't42', 't43']);
  expect(window.activations).toEqual([0.5, 0.5, 0.5, 9, 0.5, 0.5, 0.5]);
  expect(window).toMatchObject({ text: 7, draw: 'top' });
});

test('a feature is silent where its whole window is, at most a hundredth of its largest', () => {
  const activations_T = [0, 0, 0, 0.5, 0, 0, 0.01, 0];
  expect([2, 3, 5, 6].map((at) => silentAt(activations_T, at, 1, 1))).toEqual([false, false, true, true]);
  for (let draw = 0; draw < 20; draw++)
    expect([0, 1, 5, 6, 7]).toContain(silentPosition(activations_T, 1, stream(draw, 'silent'), 1));
  expect(silentPosition(activations_T, 1, stream(0, 'silent'), 8)).toBeNull();
});

test('neighbours are the rows with the largest cosine, whatever their length, never the feature itself', () => {
  const decoder_FD = tensorflow().tensor2d([
    [1, 0],
    [-1, 0],
    [5, 1],
    [0, 1],
    [1, 1],
  ]);
  expect(nearestFeatures(decoder_FD, [0, 3], [0, 1, 2, 3, 4], 2)).toEqual([
    [2, 4],
    [4, 2],
  ]);
  expect(nearestFeatures(decoder_FD, [0], [0, 1, 3], 5)).toEqual([[3, 1]]);
  decoder_FD.dispose();
});

/** Texts of `length` words; latent f is active at one word of every text whose index is f modulo `latents`. */
function world(texts: number, latents: number, length = 40) {
  const survey = new ActivationSurvey(latents);
  const traces = new FeatureTraces(Array.from({ length: latents }, (_, f) => f));
  for (let text = 0; text < texts; text++) {
    const activations_TF = new Float32Array(length * latents);
    activations_TF[20 * latents + (text % latents)] = 1 + text;
    const tokens = Array.from({ length }, (_, t) => `w${t}`);
    survey.add(text, { tokens, activations_TF });
    traces.add(activations_TF, latents);
  }
  const tokens = Array.from({ length }, (_, t) => `w${t}`);
  const forScoring = splitTexts(texts, stream(1, 'split'));
  const trace = (latent: number, text: number) => ({
    text,
    tokens,
    activations_T: traces.of(latent, text),
  });
  return { survey, forScoring, trace };
}

test('what explains and what scores are of different texts; negatives are silent, hard ones where a neighbour is not', () => {
  const source = world(240, 3);
  const options = { protocol: 'corrected', shown: 10, random: 3, heldOut: 8, radius: 5 } as const;
  const found = featureExamples(0, [2, 1], source, options, stream(0, 'examples'));
  const texts = (windows: readonly { text: number }[]) => windows.map(({ text }) => text);
  expect(found.examples.map(({ draw }) => draw)).toEqual([
    ...Array.from({ length: 5 }, () => 'top'),
    ...Array.from({ length: 5 }, () => 'quantile'),
    ...Array.from({ length: 3 }, () => 'random'),
  ]);
  expect(texts(found.examples).some((text) => source.forScoring[text])).toBe(false);
  const scoring = [...found.heldOut, ...found.silent, ...found.hard];
  expect(scoring).toHaveLength(24);
  expect(texts(scoring).every((text) => source.forScoring[text])).toBe(true);
  expect(new Set(texts(scoring)).size).toBe(24);
  expect(found.heldOut.every(({ activations }) => Math.max(...activations) > 0)).toBe(true);
  for (const { activations } of [...found.silent, ...found.hard]) expect(Math.max(...activations)).toBe(0);
  // In turn of either neighbour, at the word where that one is active.
  expect(found.hard.map(({ neighbour }) => neighbour)).toEqual([2, 1, 2, 1, 2, 1, 2, 1]);
  for (const { text, neighbour, tokens } of found.hard) {
    expect(text % 3).toBe(neighbour);
    expect(tokens).toContain('w20');
  }
});

test('fewer windows are given where there are not enough texts', () => {
  const options = { protocol: 'faithful', shown: 5, random: 0, heldOut: 10, radius: 5 } as const;
  const found = featureExamples(0, [], world(12, 3), options, stream(0, 'examples'));
  expect(found.examples.length + found.heldOut.length).toBe(4);
  expect(found.hard).toEqual([]);
});
