import { StratifiedKendall } from '../stats/stratified-kendall.ts';
import { rescalePredictions } from './rescale.ts';
import type { Method, ProbeFile, Protocol, Reading } from './types.ts';

/**
 * Averages predictions over the occurrences of each word. Published regressions are rescaled first (rescale.ts) and their
 * means rounded to 3 digits. Folds are strata in the corrected protocol; the published one has a single fit.
 */
export function readWords(
  rows: Pick<ProbeFile['rows'], 'word' | 'value' | 'fold'>,
  predictions: ArrayLike<number>,
  { method, protocol }: { method: Method; protocol: Protocol },
): Reading {
  const published = protocol === 'faithful' && method === 'ridge';
  const scores = published ? rescalePredictions(predictions) : predictions;
  const byWord = new Map<string, { value: number; fold: number; sum: number; count: number }>();
  rows.word.forEach((word, i) => {
    let entry = byWord.get(word);
    if (!entry) {
      entry = { value: rows.value[i] as number, fold: rows.fold[i] as number, sum: 0, count: 0 };
      byWord.set(word, entry);
    }
    entry.sum += scores[i] as number;
    entry.count++;
  });
  const words = [...byWord.keys()].sort();
  const entries = words.map(
    (word) => byWord.get(word) as { value: number; fold: number; sum: number; count: number },
  );
  const mean = (sum: number, count: number) => (published ? Number((sum / count).toFixed(3)) : sum / count);
  return {
    words,
    values: Float64Array.from(entries, (entry) => entry.value),
    predictions: Float64Array.from(entries, (entry) => mean(entry.sum, entry.count)),
    strata: Int32Array.from(entries, (entry) => (protocol === 'corrected' ? entry.fold : 0)),
  };
}

/** Tau-b of value and prediction, words compared within strata. */
export function tauOf({ values, predictions, strata }: Reading): number {
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
