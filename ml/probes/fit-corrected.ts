import { ComputeError } from '../failure.ts';
import { stream } from '../random/stream.ts';
import { familyOf } from '../triples/families.ts';
import { type Matrix, takeRows } from './algebra/matrix.ts';
import { controlTask } from './control-task.ts';
import { leftOutPredictions } from './learners/left-out.ts';
import type { Learner } from './learners/types.ts';
import { type LinearProbe, predict } from './linear-probe.ts';
import { fitPlatt, probabilityOf } from './platt.ts';
import { addScores, noScores, scoresOf } from './reading.ts';
import { captureRow } from './rows.ts';
import { shuffleValues } from './shuffled-values.ts';
import type { Control, Fit, Method, ProbeRow } from './types.ts';
import { untrainedProbe } from './untrained.ts';
import { wordMeans } from './word-means.ts';

/**
 * The probe as it should be believed. The unit is the word: features are averaged over its occurrences, the target is what
 * the feedback truly gives the word (its value, or the value's sign), and each word is predicted by a probe that saw
 * neither it, nor a word of its family, nor a text from its documents: one fit a fold of the triples, on all other folds.
 * The penalty is chosen within these others in the same way, by leaving out one of them in turn (learners/); where only one
 * is left, by leaving out word families.
 *
 * Classifiers are calibrated (platt.ts) on what probes fitted without one of the other folds say of that fold.
 *
 * Chance level: the whole procedure, the choice of the penalty included, again on values permuted among word families. The
 * permutations (stream `probe/shuffle`) depend on the seed and the words only, so those of other probes pair with them.
 */
export interface CorrectedOptions {
  method: Method;
  learner: Learner;
  control: Control;
  seed: number;
  /** Names the stream of untrained weights: the representation. */
  name: string;
  /** How many permutations give the chance level. */
  shuffles: number;
  /** How many control tasks are fitted (control-task.ts). */
  controlTasks: number;
  /** Called as permutations are done. */
  onShuffle?(done: number): void;
}

type Fitted = Omit<Fit, 'representation' | 'control' | 'features'> & { probe: LinearProbe };

/** Below so many words of a sign a probe says nothing. */
const FEWEST_WORDS = 5;

export function fitCorrected(features: Matrix, rows: readonly ProbeRow[], options: CorrectedOptions): Fitted {
  const { method, learner, control, seed, shuffles, controlTasks } = options;
  const { words, folds, values, means } = wordMeans(features, rows);
  requireWords(words, values);
  const target = (of: ReadonlyMap<string, number>, w: number) => of.get(words[w] as string) as number;

  const draws = stream(seed, 'probe/shuffle');
  const shuffled = noScores();
  const permutations = Array.from({ length: shuffles }, () => shuffleValues(values, draws));
  /** @param predictions of all words, after a fit to each of the permutations */
  const addShuffles = (predictions: readonly Float64Array[]): void => {
    predictions.forEach((read, s) => {
      const permuted = permutations[s] as ReadonlyMap<string, number>;
      const of = Float64Array.from(words, (word) => permuted.get(word) as number);
      addScores(shuffled, scoresOf({ values: of, predictions: read, strata: folds }));
    });
  };
  if (control === 'untrained') {
    const probe = untrainedProbe(features.columns, seed, options.name);
    const read = predict(probe, means);
    addShuffles(permutations.map(() => read));
    options.onShuffle?.(shuffles);
    const predictions = [...predict(probe, inputsOf(features, rows))];
    return { fittedOn: [0], penalty: [0], predictions, shuffled, probe };
  }

  const parts = [...new Set(folds)].sort((a, b) => a - b).map((k) => foldOf(k, words, folds, means, learner));
  if (parts.length < 2) {
    throw new ComputeError('bad-data', 'all words are in one fold, so no word can be left out', {
      hint: 'build more triples, or with more `folds`',
    });
  }
  const predictions = new Array<number>(rows.length).fill(0);
  const probabilities = new Array<number>(rows.length).fill(0);
  const penalty: number[] = [];
  for (const { k, fitted, fittedMeans, groups, chooser } of parts) {
    const targets = fitted.map((w) => target(values, w));
    const chosen = chooser.choose(targets);
    penalty.push(chosen.penalty);
    const calibrate = learner.classifies
      ? calibration(learner, fittedMeans, groups, targets, chosen.penalty)
      : null;
    const own = [...rows.keys()].filter((i) => (rows[i] as ProbeRow).fold === k);
    const inputs = inputsOf(
      features,
      own.map((i) => rows[i] as ProbeRow),
    );
    predict(chosen.probe, inputs).forEach((prediction, i) => {
      predictions[own[i] as number] = prediction;
      if (calibrate) probabilities[own[i] as number] = calibrate(prediction);
    });
  }

  const shuffledRead = permutations.map(() => new Float64Array(words.length));
  parts.forEach(({ fitted, read: own, readMeans, chooser }, part) => {
    const targets = permutations.map((permuted) => fitted.map((w) => target(permuted, w)));
    chooser.controls(targets).forEach((probe, s) => {
      predict(probe, readMeans).forEach((prediction, i) => {
        (shuffledRead[s] as Float64Array)[own[i] as number] = prediction;
      });
    });
    options.onShuffle?.(Math.floor((shuffles * (part + 1)) / parts.length));
  });
  addShuffles(shuffledRead);

  const fittedOn = parts.map(({ fitted }) => fitted.length);
  const typical = geometricMean(penalty);
  const fewer = fittedOn.reduce((sum, n) => sum + n, 0) / fittedOn.length;
  const task =
    controlTasks > 0
      ? controlTask(features, rows, {
          ...{ learner, method, seed, tasks: controlTasks },
          ...{ penalty: typical, words: fewer },
        })
      : null;
  return {
    fittedOn,
    penalty,
    predictions,
    ...(learner.classifies ? { probabilities } : {}),
    shuffled,
    ...(task ? { controlTask: task } : {}),
    // Fitted to all words, with the penalty that the folds chose: for use beyond the evaluation.
    probe: learner.at(
      means,
      learner.perRow(typical, fewer, words.length),
    )(words.map((_, w) => target(values, w))),
  };
}

/** What is fitted again and again when fold k is left out. */
function foldOf(k: number, words: readonly string[], folds: Int32Array, means: Matrix, learner: Learner) {
  const fitted = [...words.keys()].filter((w) => folds[w] !== k);
  const read = [...words.keys()].filter((w) => folds[w] === k);
  const others = fitted.map((w) => folds[w] as number);
  const groups = new Set(others).size > 1 ? others : fitted.map((w) => familyOf(words[w] as string));
  const fittedMeans = takeRows(means, fitted);
  return {
    ...{ k, fitted, read, groups, fittedMeans },
    readMeans: takeRows(means, read),
    chooser: learner.chooser(fittedMeans, groups),
  };
}

/** From log-odds to a calibrated probability. */
function calibration(
  learner: Learner,
  X: Matrix,
  groups: ArrayLike<number | string>,
  targets: readonly number[],
  penalty: number,
): (odds: number) => number {
  const [left] = leftOutPredictions(X, groups, (own, rows) => [
    learner.at(own, learner.perRow(penalty, X.rows, own.rows))(rows.map((row) => targets[row] as number)),
  ]);
  const platt = fitPlatt(
    left as Float64Array,
    targets.map((value) => Number(value > 0)),
  );
  return (odds) => probabilityOf(odds, platt);
}

const inputsOf = (features: Matrix, rows: readonly ProbeRow[]): Matrix =>
  takeRows(
    features,
    rows.map((row) => captureRow(row.triple, row.member)),
  );

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
