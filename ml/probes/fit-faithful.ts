import { ComputeError } from '../failure.ts';
import { stream } from '../random/stream.ts';
import { type Matrix, takeRows } from './algebra/matrix.ts';
import { distanceTargets } from './distance-targets.ts';
import type { Learner } from './learners/types.ts';
import { type LinearProbe, predict } from './linear-probe.ts';
import { addScores, noScores, readWords, scoresOf } from './reading.ts';
import { captureRow } from './rows.ts';
import { shuffleValues } from './shuffled-values.ts';
import type { Control, Fit, Method, ProbeRow } from './types.ts';
import { untrainedProbe } from './untrained.ts';

/**
 * The probe as published (Marks et al. 2024, section 3.3, and its notebooks): a row an occurrence, split by triple, so that
 * the same words are on both sides.
 *
 *   regressions   targets +-||A(x+-) - A(x0)|| (distance-targets.ts), scikit-learn's default penalty (published: ridge)
 *   classifiers   label positive or negative, scikit-learn's default penalty (published: L2)
 *
 * `untrained` is the published baseline (untrained.ts).
 * Chance level: the same on values permuted among word families; what it scores above 0 is words remembered.
 */
export interface FaithfulOptions {
  method: Method;
  learner: Learner;
  control: Control;
  seed: number;
  shuffles: number;
  /** Names the stream of the untrained weights: the representation. */
  name: string;
  onShuffle?(done: number): void;
}

/** Predictions are given for the rows of split `test` only, in order. */
export function fitFaithful(
  features: Matrix,
  rows: readonly ProbeRow[],
  options: FaithfulOptions,
): Pick<Fit, 'fittedOn' | 'penalty' | 'predictions' | 'shuffled'> & { probe: LinearProbe } {
  const { method, learner, control, seed, name } = options;
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
  const truth = new Map(rows.map((row) => [row.word, row.value]));
  const draws = stream(seed, 'probe/shuffle');
  const shuffled = noScores();
  const shuffle = (read: (permuted: ReadonlyMap<string, number>) => Float64Array): void => {
    for (let s = 0; s < options.shuffles; s++) {
      const permuted = shuffleValues(truth, draws);
      const of = {
        word: test.map((row) => row.word),
        value: test.map((row) => permuted.get(row.word) as number),
        fold: test.map((row) => row.fold),
      };
      addScores(shuffled, scoresOf(readWords(of, read(permuted), { method, protocol: 'faithful' })));
      options.onShuffle?.(s + 1);
    }
  };
  if (control === 'untrained') {
    const probe = untrainedProbe(features.columns, seed, name);
    const read = predict(probe, tested);
    shuffle(() => read);
    return { fittedOn: [0], penalty: [0], predictions: [...read], shuffled, probe };
  }

  const fitter = learner.at(inputsOf(train), learner.usualPenalty);
  const fitTo = (values: ReadonlyMap<string, number>, rough = false): LinearProbe => {
    const given = (row: ProbeRow) => values.get(row.word) as number;
    return fitter(learner.classifies ? train.map(given) : distanceTargets(features, train, given), rough);
  };
  const probe = fitTo(truth);
  shuffle((permuted) => predict(fitTo(permuted, true), tested));
  return {
    fittedOn: [train.length],
    penalty: [learner.usualPenalty],
    predictions: [...predict(probe, tested)],
    shuffled,
    probe,
  };
}
