import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  balancedAccuracy,
  balancedAccuracyEstimate,
  countAnswers,
} from '../../../../ml/features/scoring/balanced-accuracy.ts';
import { rightMarks, wrongMarks } from '../../../../ml/features/scoring/fuzzing.ts';
import { judgedScore, meanScore, simulatedScore } from '../../../../ml/features/scoring/measure.ts';
import { questionsAbout } from '../../../../ml/features/scoring/questions.ts';
import { shuffledDescriptions } from '../../../../ml/features/scoring/shuffled.ts';
import { simulationScores, simulationSums } from '../../../../ml/features/scoring/simulation.ts';
import type { JudgedWindow } from '../../../../ml/features/scoring/types.ts';
import { stream } from '../../../../ml/random/stream.ts';
import { describedFeature } from '../annotation/features.ts';

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/${name}.json`, import.meta.url), 'utf8'));

test('balanced accuracy equals scikit-learn’s, and whoever always says yes has a half', () => {
  const cases: { truths: boolean[]; answers: boolean[]; value: number }[] =
    fixture('labels').balanced_accuracy;
  for (const { truths, answers, value } of cases)
    expect(balancedAccuracy(countAnswers(truths, answers))).toBeCloseTo(value, 12);
  expect(balancedAccuracy(countAnswers([true, false, false, false], [true, true, true, true]))).toBe(0.5);
});

test('a perfect score of few windows is not certain; without negatives there is none', () => {
  const perfect = { truePositives: 10, falseNegatives: 0, trueNegatives: 10, falsePositives: 0 };
  const estimate = balancedAccuracyEstimate(perfect, 'window');
  expect(estimate).toMatchObject({ value: 1, ci_high: 1, n: 20 });
  expect(estimate?.ci_low).toBeLessThan(0.85);
  expect(balancedAccuracyEstimate({ ...perfect, trueNegatives: 0 }, 'window')).toBeUndefined();
});

describe('simulation', () => {
  test('scores equal those of the published code, in whatever windows the tokens come', () => {
    const { real, simulated, ev_correlation, rsquared, abs_dev_explained } =
      fixture('reference-maths').openai_simulation_scores;
    const whole = simulationScores([simulationSums(real, simulated)]);
    expect(whole.correlation).toBeCloseTo(ev_correlation, 9);
    expect(whole.r_squared).toBeCloseTo(rsquared, 9);
    expect(whole.absolute_deviation).toBeCloseTo(abs_dev_explained, 9);
    const parts = [0, 3].map((from, i) =>
      simulationSums(real.slice(from, i === 0 ? 3 : 8), simulated.slice(from, i === 0 ? 3 : 8)),
    );
    expect(simulationScores(parts).correlation).toBeCloseTo(ev_correlation, 9);
  });

  test('one level throughout is worth nothing; silence throughout cannot be scored', () => {
    expect(simulationScores([simulationSums([0, 3, 0], [2, 2, 2])]).correlation).toBe(0);
    expect(simulationScores([simulationSums([0, 0, 0], [0, 1, 0])]).correlation).toBeNaN();
  });

  test('a failed guess leaves its window out of the own score, and of its shuffle', () => {
    const activations = [0, 10, 0, 5];
    const window = { activations, own: [0, 9, 1, 4], shuffled: [[9, 0, 0, 1]] };
    const found = simulatedScore(
      [window, window, { activations, own: null, shuffled: [[0, 10, 0, 5]] }],
      stream(0, 'simulated'),
    );
    expect(found?.score.own.n).toBe(2);
    expect(found?.score.own.value).toBeGreaterThan(0.9);
    expect(found?.score.shuffled).toBeLessThan(0);
    expect(found?.score.gap?.value).toBeCloseTo(
      (found?.score.own.value as number) - (found?.score.shuffled as number),
      12,
    );
  });
});

describe('judged windows', () => {
  const window = (
    truth: JudgedWindow['truth'],
    own: boolean | null,
    ...shuffled: (boolean | null)[]
  ): JudgedWindow => ({ truth, own, shuffled });
  const windows = [
    ...Array.from({ length: 8 }, () => window('active', true, false, true)),
    ...Array.from({ length: 8 }, () => window('silent', false, false, true)),
    ...Array.from({ length: 8 }, (_, i) => window('neighbour', i < 4, false, true)),
  ];

  test('hard negatives are scored apart from random ones, and both beside others’ descriptions', () => {
    const easy = judgedScore(windows, 'silent', stream(0, 'judged'));
    const hard = judgedScore(windows, 'neighbour', stream(0, 'judged'));
    expect([easy?.own.value, hard?.own.value]).toEqual([1, 0.75]);
    expect([easy?.shuffled, hard?.shuffled]).toEqual([0.5, 0.5]);
    expect(easy?.gap).toMatchObject({ value: 0.5, n: 16, n_unit: 'window' });
    expect(hard?.gap?.ci_low).toBeGreaterThan(0);
    expect(hard?.gap?.ci_low).toBeLessThan(0.25);
  });

  test('a failed answer is neither a yes nor a no', () => {
    const failed = [...windows, window('active', null, true, true), window('silent', null, true, true)];
    expect(judgedScore(failed, 'silent', stream(0, 'judged'))).toEqual(
      judgedScore(windows, 'silent', stream(0, 'judged')),
    );
    expect(judgedScore([window('active', true), window('silent', null)], 'silent', stream(0, 'x'))).toBe(
      undefined,
    );
  });

  test('without others’ descriptions there is no difference, and nothing is established', () => {
    const alone = windows.map(({ truth, own }) => window(truth, own));
    const score = judgedScore(alone, 'silent', stream(0, 'judged'));
    expect(score).toEqual({ own: score?.own });
    const mean = meanScore([{ detection: score as NonNullable<typeof score> }], 'detection', stream(0, 'm'));
    expect(mean).toMatchObject({ established: 0, compared: 0 });
    expect(mean?.gap).toBeUndefined();
  });

  test('means are over features, whose spread is that of the interval', () => {
    const of = (value: number) => ({
      detection: {
        own: { value, n: 16, n_unit: 'window' },
        shuffled: 0.5,
        gap: { value: value - 0.5, ci_low: value - 0.7, n: 16, n_unit: 'window' },
      },
    });
    const mean = meanScore([0.6, 0.8, 1, 0.8, 0.9].map(of), 'detection', stream(0, 'mean'));
    expect(mean?.own).toMatchObject({ n: 5, n_unit: 'feature' });
    expect(mean?.own.value).toBeCloseTo(0.82, 12);
    expect(mean?.gap?.value).toBeCloseTo(0.32, 12);
    expect(mean?.gap?.ci_low).toBeGreaterThan(0.15);
    expect(mean).toMatchObject({ established: 4, compared: 5 });
  });
});

describe('questions', () => {
  const feature = {
    ...describedFeature(1, 'good'),
    silent: describedFeature(2, 'dull').heldOut.map((example) => ({
      ...example,
      activations: example.activations.map(() => 0),
    })),
  };

  test('right marks are where it is active, wrong ones as many elsewhere', () => {
    const [example] = feature.examples;
    if (!example) throw new Error('no example');
    const right = rightMarks(example, feature.max);
    expect(right.tokens.filter((_, i) => right.marked[i])).toEqual([' good', ' the']);
    const wrong = wrongMarks(example, feature.max, stream(0, 'wrong'));
    expect(wrong?.marked.filter(Boolean)).toHaveLength(2);
    expect(wrong?.marked.some((marked, i) => marked && right.marked[i])).toBe(false);
    expect(wrongMarks({ ...example, activations: [1, 1, 4, 1, 2, 1] }, 4, stream(0, 'none'))).toBeNull();
  });

  test('a weak window has its strongest token marked', () => {
    const [example] = feature.examples;
    if (!example) throw new Error('no example');
    const weak = { ...example, activations: [0, 0, 0.2, 0, 0.1, 0] };
    expect(rightMarks(weak, 4).marked).toEqual([false, false, true, false, false, false]);
  });

  test('every window is asked about once, the right and the wrong marks of one never together', () => {
    const questions = questionsAbout(feature, { windows: 10, perQuestion: 2 }, stream(0, 'questions'));
    expect(questions.detection.flat()).toHaveLength(6);
    expect(questions.detection.every((question) => question.length <= 2)).toBe(true);
    expect(questions.simulation).toHaveLength(6);
    expect(questions.fuzzing.flat()).toHaveLength(6);
    for (const question of questions.fuzzing) {
      const windows = question.map(({ window }) => window.tokens);
      expect(new Set(windows).size).toBe(windows.length);
    }
  });

  test('no feature keeps its own description, and two shuffles give it two others', () => {
    const shuffles = shuffledDescriptions(5, 2, stream(0, 'shuffled'));
    expect(shuffles).toHaveLength(2);
    for (const of of shuffles) {
      expect([...of].some((other, feature) => other === feature)).toBe(false);
      expect(new Set(of).size).toBe(5);
    }
    expect([...(shuffles[0] ?? [])].some((other, f) => other === shuffles[1]?.[f])).toBe(false);
    expect(shuffledDescriptions(2, 3, stream(0, 'shuffled'))).toHaveLength(1);
    expect(shuffledDescriptions(1, 1, stream(0, 'shuffled'))).toHaveLength(0);
  });
});
