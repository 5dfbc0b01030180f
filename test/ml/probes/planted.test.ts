import { expect, test } from 'vitest';
import { fitCorrected } from '../../../ml/probes/fit-corrected.ts';
import { fitFaithful } from '../../../ml/probes/fit-faithful.ts';
import { learnerOf } from '../../../ml/probes/learners/choose.ts';
import { readWords, signAccuracyOf, tauOf } from '../../../ml/probes/reading.ts';
import type { Method, ProbeRow, Protocol } from '../../../ml/probes/types.ts';
import { syntheticProbeData } from './synthetic.ts';

const columns = (rows: readonly ProbeRow[]) => ({
  word: rows.map((row) => row.word),
  value: rows.map((row) => row.value),
  fold: rows.map((row) => row.fold),
});

const corrected = (
  data: ReturnType<typeof syntheticProbeData>,
  method: Method,
  shuffles: number,
  seed = 0,
) => {
  const fit = fitCorrected(data.features, data.rows, {
    method,
    learner: learnerOf(method, 0.5),
    control: 'none',
    name: 'raw',
    seed,
    shuffles,
    controlTasks: 0,
  });
  return {
    ...fit,
    reading: readWords(columns(data.rows), fit.predictions, { method, protocol: 'corrected' }),
  };
};

const faithful = (data: ReturnType<typeof syntheticProbeData>, method: Method, shuffles = 0) => {
  const fit = fitFaithful(data.features, data.rows, {
    method,
    learner: learnerOf(method, 0.5),
    control: 'none',
    seed: 0,
    shuffles,
    name: 'raw',
  });
  const test = data.rows.filter((row) => row.split === 'test');
  return {
    ...fit,
    reading: readWords(columns(test), fit.predictions, { method, protocol: 'faithful' as Protocol }),
  };
};

const planted = { seed: 1, words: 40, rowsPerWord: 6, features: 60, signal: 0.6, wordNoise: 0.8 };

test('the corrected ridge finds a planted direction on words it has not seen; its shuffles do not', () => {
  const { reading, shuffled } = corrected(syntheticProbeData(planted), 'ridge', 60);
  expect(reading.words.length).toBe(80);
  expect(tauOf(reading)).toBeGreaterThan(0.7);
  expect(signAccuracyOf(reading)).toBeGreaterThan(0.9);
  expect(Math.max(...shuffled.tau.map(Math.abs))).toBeLessThan(0.35);
});

test('the corrected logistic probe finds the sign', () => {
  const { reading, shuffled } = corrected(syntheticProbeData(planted), 'logistic', 40);
  expect(signAccuracyOf(reading)).toBeGreaterThan(0.9);
  expect(tauOf(reading)).toBeGreaterThan(0.5);
  expect(Math.max(...shuffled.signAccuracy)).toBeLessThan(0.8);
});

test('no word is predicted by a probe that saw it: features that name the word say nothing', () => {
  // Every word has a feature of its own, and nothing else.
  const data = syntheticProbeData({ ...planted, signal: 0, wordNoise: 0, rowNoise: 0, features: 80 });
  const index = new Map([...data.values.keys()].map((word, i) => [word, i]));
  for (const row of data.rows) {
    const at = (3 * row.triple + (row.member === 'positive' ? 0 : 2)) * 80;
    data.features.data[at + (index.get(row.word) as number)] = 1;
  }
  expect(Math.abs(signAccuracyOf(corrected(data, 'ridge', 0).reading) - 0.5)).toBeLessThan(0.15);
  const published = faithful(data, 'ridge', 3);
  expect(signAccuracyOf(published.reading)).toBe(1);
  // What the published split scores on permuted values is what it remembers of words.
  expect(Math.min(...published.shuffled.signAccuracy)).toBeGreaterThan(0.95);
});

test('on noise the chance level is right: about 5 percent of 200 studies are beyond it', () => {
  let beyond = 0;
  let sum = 0;
  for (let seed = 0; seed < 200; seed++) {
    const data = syntheticProbeData({
      seed,
      words: 20,
      rowsPerWord: 2,
      features: 30,
      signal: 0,
      wordNoise: 1,
      folds: 4,
    });
    const { reading, shuffled } = corrected(data, 'ridge', 19, seed);
    const tau = tauOf(reading);
    if (shuffled.tau.every((chance) => chance < tau)) beyond++;
    sum += tau;
  }
  expect(beyond / 200).toBeLessThan(0.09);
  expect(beyond / 200).toBeGreaterThan(0.01);
  expect(Math.abs(sum / 200)).toBeLessThan(0.04);
}, 180_000);

test('equal seeds give equal bytes', () => {
  const data = syntheticProbeData(planted);
  for (const method of ['ridge', 'logistic'] as const) {
    expect(corrected(data, method, 3)).toEqual(corrected(data, method, 3));
    expect(faithful(data, method, 2)).toEqual(faithful(data, method, 2));
  }
});

test('too few words are an error that says how many there are', () => {
  const data = syntheticProbeData({ ...planted, words: 4, folds: 2 });
  expect(() => corrected(data, 'ridge', 0)).toThrow('4 positive and 4 negative words');
});
