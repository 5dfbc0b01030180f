import { StratifiedCorrelations } from '../stats/stratified-correlations.ts';
import { StratifiedKendall } from '../stats/stratified-kendall.ts';
import { rescalePredictions } from './rescale.ts';
import { type Method, type ProbeFile, type Protocol, type Reading, SCORES, type Score } from './types.ts';

/**
 * Averages predictions over the occurrences of each word. Published regressions are rescaled first (rescale.ts) and their
 * means rounded to 3 digits. Folds are strata in the corrected protocol; the published one has a single fit.
 */
export function readWords(
  rows: Pick<ProbeFile['rows'], 'word' | 'value' | 'fold'>,
  predictions: ArrayLike<number>,
  { method, protocol }: { method: Method; protocol: Protocol },
): Reading {
  const published = protocol === 'faithful' && !method.startsWith('logistic');
  const scores = published ? rescalePredictions(predictions) : predictions;
  const byWord = new Map<string, Entry>();
  rows.word.forEach((word, i) => {
    let entry = byWord.get(word);
    if (!entry) {
      entry = { value: rows.value[i] as number, fold: rows.fold[i] as number, sum: 0, count: 0, right: 0 };
      byWord.set(word, entry);
    }
    entry.sum += scores[i] as number;
    entry.count++;
    if (Math.sign(scores[i] as number) === Math.sign(entry.value)) entry.right++;
  });
  const words = [...byWord.keys()].sort();
  const entries = words.map((word) => byWord.get(word) as Entry);
  const mean = (sum: number, count: number) => (published ? Number((sum / count).toFixed(3)) : sum / count);
  return {
    words,
    values: Float64Array.from(entries, (entry) => entry.value),
    predictions: Float64Array.from(entries, (entry) => mean(entry.sum, entry.count)),
    strata: Int32Array.from(entries, (entry) => (protocol === 'corrected' ? entry.fold : 0)),
    occurrences: Int32Array.from(entries, (entry) => entry.count),
    right: Int32Array.from(entries, (entry) => entry.right),
  };
}

interface Entry {
  value: number;
  fold: number;
  sum: number;
  count: number;
  right: number;
}

type Compared = Pick<Reading, 'values' | 'predictions' | 'strata'>;

/** Everything that permutations are measured by. */
export function scoresOf(reading: Compared): Record<Score, number> {
  const { values, predictions, strata } = reading;
  const correlations = new StratifiedCorrelations(values, predictions, strata).measure();
  return { tau: tauOf(reading), ...correlations, signAccuracy: signAccuracyOf(reading) };
}

export const noScores = (): Record<Score, number[]> =>
  Object.fromEntries(SCORES.map((score): [Score, number[]] => [score, []])) as Record<Score, number[]>;

export function addScores(to: Record<Score, number[]>, scores: Record<Score, number>): void {
  for (const score of SCORES) to[score].push(scores[score]);
}

/** Tau-b of value and prediction, words compared within strata. */
export function tauOf({ values, predictions, strata }: Compared): number {
  return new StratifiedKendall(values, predictions, strata).tau();
}

/** Share of words whose prediction has the sign of the value. A prediction of 0 is wrong. */
export function signAccuracyOf({ values, predictions }: Pick<Reading, 'values' | 'predictions'>): number {
  let right = 0;
  for (let i = 0; i < values.length; i++) {
    if (Math.sign(predictions[i] as number) === Math.sign(values[i] as number)) right++;
  }
  return right / values.length;
}
