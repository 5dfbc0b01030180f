import { ComputeError } from '../failure.ts';
import { stream } from '../random/stream.ts';
import { familyOf } from '../triples/families.ts';
import { type Matrix, takeRows } from './algebra/matrix.ts';
import { type LinearProbe, predict } from './linear-probe.ts';
import { fitLogistic, ROUGH_TOLERANCE } from './logistic.ts';
import { PrincipalScores } from './principal-scores.ts';
import { signAccuracyOf, tauOf } from './reading.ts';
import { fitRidge } from './ridge.ts';
import { RidgePath } from './ridge-path.ts';
import { captureRow } from './rows.ts';
import { shuffleValues } from './shuffled-values.ts';
import type { Fit, Method, ProbeRow } from './types.ts';
import { wordMeans } from './word-means.ts';

/**
 * The probe as it should be believed. The unit is the word: features are averaged over its occurrences, the target is what
 * the feedback truly gives the word (its value, or the value's sign), and each word is predicted by a probe that saw
 * neither it, nor a word of its family, nor a text from its documents: one fit a fold of the triples, on all other folds.
 *
 *   ridge      value of the word; penalty by leaving out one word family at a time among the words fitted on (ridge-path.ts)
 *   logistic   sign of the value; C = 4 / alpha with the ridge penalty alpha chosen likewise for +-1 targets (the curvature
 *              of the logistic loss at 0 is 1/4)
 *
 * Chance level: the whole procedure, the choice of the penalty included, again on values permuted among word families. The
 * permutations (stream `probe/shuffle`) depend on the seed and the words only, so those of other probes pair with them.
 */
export interface CorrectedOptions {
  method: Method;
  seed: number;
  /** How many permutations give the chance level. */
  shuffles: number;
  /** Called after each permutation. */
  onShuffle?(done: number): void;
}

/** Below so many words of a sign a probe says nothing. */
const FEWEST_WORDS = 5;

export function fitCorrected(
  features: Matrix,
  rows: readonly ProbeRow[],
  options: CorrectedOptions,
): Pick<Fit, 'fittedOn' | 'penalty' | 'predictions' | 'shuffled'> & { probe: LinearProbe } {
  const { method, seed, shuffles } = options;
  const { words, folds, values, means } = wordMeans(features, rows);
  requireWords(words, values);
  const families = words.map(familyOf);
  const levels = Math.max(...folds) + 1;

  const fold = (k: number) => {
    const fitted = [...words.keys()].filter((w) => folds[w] !== k);
    const read = [...words.keys()].filter((w) => folds[w] === k);
    const principal = new PrincipalScores(takeRows(means, fitted));
    const path = new RidgePath(
      principal,
      fitted.map((w) => families[w] as string),
    );
    const fitTo = (
      of: ReadonlyMap<string, number>,
      tolerance?: number,
    ): { probe: LinearProbe; penalty: number } => {
      const targets = fitted.map((w) => of.get(words[w] as string) as number);
      if (method === 'ridge') {
        const { probe, alpha } = path.fit(targets);
        return { probe, penalty: alpha };
      }
      const C = 4 / path.fit(targets.map(Math.sign)).alpha;
      const { coefficients, intercept } = fitLogistic(
        principal.scores,
        targets.map((v) => Number(v > 0)),
        { C, ...(tolerance ? { tolerance } : {}) },
      );
      return { probe: principal.probe(coefficients, intercept), penalty: C };
    };
    return { k, fitted, read, readMeans: takeRows(means, read), fitTo };
  };
  const all = Array.from({ length: levels }, (_, k) => k)
    .filter((k) => folds.includes(k))
    .map(fold);
  if (all.length < 2) {
    throw new ComputeError('bad-data', 'all words are in one fold, so no word can be left out', {
      hint: 'build more triples, or with more `folds`',
    });
  }

  const predictions = new Array<number>(rows.length).fill(0);
  const penalty: number[] = [];
  for (const { k, fitTo } of all) {
    const fitted = fitTo(values);
    penalty.push(fitted.penalty);
    const own = [...rows.keys()].filter((i) => (rows[i] as ProbeRow).fold === k);
    const inputs = takeRows(
      features,
      own.map((i) => captureRow((rows[i] as ProbeRow).triple, (rows[i] as ProbeRow).member)),
    );
    predict(fitted.probe, inputs).forEach((prediction, i) => {
      predictions[own[i] as number] = prediction;
    });
  }

  const draws = stream(seed, 'probe/shuffle');
  const shuffled: Fit['shuffled'] = { tau: [], signAccuracy: [] };
  for (let s = 0; s < shuffles; s++) {
    const permuted = shuffleValues(values, draws);
    const read = new Float64Array(words.length);
    for (const { read: own, readMeans, fitTo } of all) {
      predict(fitTo(permuted, ROUGH_TOLERANCE).probe, readMeans).forEach((prediction, i) => {
        read[own[i] as number] = prediction;
      });
    }
    const reading = {
      words,
      values: Float64Array.from(words, (word) => permuted.get(word) as number),
      predictions: read,
      strata: folds,
    };
    shuffled.tau.push(tauOf(reading));
    shuffled.signAccuracy.push(signAccuracyOf(reading));
    options.onShuffle?.(s + 1);
  }
  return {
    fittedOn: all.map(({ fitted }) => fitted.length),
    penalty,
    predictions,
    shuffled,
    probe: wholeProbe(method, means, words, values, geometricMean(penalty)),
  };
}

/** Fitted to all words, with the penalty that the folds chose: for use beyond the evaluation. */
function wholeProbe(
  method: Method,
  means: Matrix,
  words: readonly string[],
  values: ReadonlyMap<string, number>,
  penalty: number,
): LinearProbe {
  const targets = words.map((word) => values.get(word) as number);
  if (method === 'ridge') return fitRidge(means, targets, penalty);
  return fitLogistic(
    means,
    targets.map((value) => Number(value > 0)),
    { C: penalty },
  );
}

const geometricMean = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

function requireWords(words: readonly string[], values: ReadonlyMap<string, number>): void {
  const positive = words.filter((word) => (values.get(word) as number) > 0).length;
  const negative = words.length - positive;
  if (Math.min(positive, negative) >= FEWEST_WORDS) return;
  throw new ComputeError(
    'bad-data',
    `the triples hold ${positive} positive and ${negative} negative words; a probe needs at least ${FEWEST_WORDS} of each`,
    { hint: 'build triples from more texts, or raise `limit` of triples.build' },
  );
}
