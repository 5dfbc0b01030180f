import { ComputeError } from '../failure.ts';
import { stream } from '../random/stream.ts';
import { type Matrix, takeRows } from './algebra/matrix.ts';
import { distanceTargets } from './distance-targets.ts';
import { type LinearProbe, predict } from './linear-probe.ts';
import { fitLogistic, ROUGH_TOLERANCE } from './logistic.ts';
import { readWords, signAccuracyOf, tauOf } from './reading.ts';
import { ridgeSolver } from './ridge.ts';
import { captureRow } from './rows.ts';
import { shuffleValues } from './shuffled-values.ts';
import type { Control, Fit, Method, ProbeRow } from './types.ts';

/**
 * The probe as published (Marks et al. 2024, section 3.3, and its notebooks): a row an occurrence, split by triple, so that
 * the same words are on both sides.
 *
 *   ridge      targets +-||A(x+-) - A(x0)|| (distance-targets.ts), scikit-learn's Ridge with alpha 1
 *   logistic   label positive or negative, scikit-learn's LogisticRegression with C 1
 *
 * `untrained` is the published baseline: weights uniform in +-sqrt(6 / (F + 1)) (Xavier), no bias.
 * Chance level: the same on values permuted among word families; what it scores above 0 is words remembered.
 */
export interface FaithfulOptions {
  method: Method;
  control: Control;
  seed: number;
  shuffles: number;
  /** Names the stream of the untrained weights: the representation. */
  name: string;
  onShuffle?(done: number): void;
}

const ALPHA = 1;
const C = 1;

/** Predictions are given for the rows of split `test` only, in order. */
export function fitFaithful(
  features: Matrix,
  rows: readonly ProbeRow[],
  options: FaithfulOptions,
): Pick<Fit, 'fittedOn' | 'penalty' | 'predictions' | 'shuffled'> & { probe: LinearProbe } {
  const { method, control, seed, name } = options;
  const train = rows.filter((row) => row.split === 'train');
  const test = rows.filter((row) => row.split === 'test');
  if (train.length === 0 || test.length === 0) {
    throw new ComputeError(
      'bad-data',
      `${rows.length / 2} triples are too few to split into train and test`,
      {
        hint: 'build triples from more texts',
      },
    );
  }
  const inputsOf = (some: readonly ProbeRow[]) =>
    takeRows(
      features,
      some.map((row) => captureRow(row.triple, row.member)),
    );
  const tested = inputsOf(test);
  const shuffled: Fit['shuffled'] = { tau: [], signAccuracy: [] };
  if (control === 'untrained') {
    const probe = untrained(features.columns, seed, name);
    return { fittedOn: [0], penalty: [0], predictions: [...predict(probe, tested)], shuffled, probe };
  }

  const fitTo = fitter(method, features, train, inputsOf(train));
  const truth = new Map(rows.map((row) => [row.word, row.value]));
  const probe = fitTo(truth);
  const draws = stream(seed, 'probe/shuffle');
  for (let s = 0; s < options.shuffles; s++) {
    const permuted = shuffleValues(truth, draws);
    const read = {
      word: test.map((row) => row.word),
      value: test.map((row) => permuted.get(row.word) as number),
      fold: test.map((row) => row.fold),
    };
    const reading = readWords(read, predict(fitTo(permuted, ROUGH_TOLERANCE), tested), {
      method,
      protocol: 'faithful',
    });
    shuffled.tau.push(tauOf(reading));
    shuffled.signAccuracy.push(signAccuracyOf(reading));
    options.onShuffle?.(s + 1);
  }
  return {
    fittedOn: [train.length],
    penalty: [method === 'ridge' ? ALPHA : C],
    predictions: [...predict(probe, tested)],
    shuffled,
    probe,
  };
}

/** Fits to whatever value each word is given. */
function fitter(
  method: Method,
  features: Matrix,
  train: readonly ProbeRow[],
  inputs: Matrix,
): (values: ReadonlyMap<string, number>, tolerance?: number) => LinearProbe {
  const given = (values: ReadonlyMap<string, number>) => (row: ProbeRow) => values.get(row.word) as number;
  if (method === 'ridge') {
    const solve = ridgeSolver(inputs, ALPHA);
    return (values) => solve(distanceTargets(features, train, given(values)));
  }
  return (values, tolerance) =>
    fitLogistic(
      inputs,
      train.map((row) => Number(given(values)(row) > 0)),
      { C, ...(tolerance ? { tolerance } : {}) },
    );
}

function untrained(features: number, seed: number, name: string): LinearProbe {
  const draws = stream(seed, `probe/untrained/${name}`);
  const bound = Math.sqrt(6 / (features + 1));
  const coefficients = Float64Array.from({ length: features }, () => bound * (2 * draws.uniform() - 1));
  return { coefficients, intercept: 0 };
}
