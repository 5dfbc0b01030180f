import { stream } from '../random/stream.ts';
import { type Matrix, takeRows } from './algebra/matrix.ts';
import type { Learner } from './learners/types.ts';
import { predict } from './linear-probe.ts';
import { readWords, signAccuracyOf, tauOf } from './reading.ts';
import { captureRow } from './rows.ts';
import type { ControlReading, ControlTask, Method, ProbeRow, Reading } from './types.ts';

/**
 * The control task (Hewitt & Liang, "Designing and Interpreting Probes with Control Tasks", EMNLP 2019): every word is given
 * the value of a word drawn at random, the same at all its occurrences, and the probe is fitted to these as it is to the
 * true ones. That can only be learned word by word, so both are fitted to occurrences of the published split's training
 * side and read on other occurrences of the same words. Selectivity is what the truth scores above the control task: a
 * probe that scores as well on either tells words apart and says nothing of what the features hold of the feedback.
 * The penalty is the one that left-out words chose. Draws from the stream `probe/control-task`.
 *
 * @param words how many words the penalty was chosen on
 * @returns null when a side of the split has no rows, or one sign only
 */
export function controlTask(
  features: Matrix,
  rows: readonly ProbeRow[],
  options: { learner: Learner; method: Method; penalty: number; words: number; seed: number; tasks: number },
): ControlTask | null {
  const { learner, method, penalty, words, seed, tasks } = options;
  const train = rows.filter(({ split }) => split === 'train');
  const test = rows.filter(({ split }) => split === 'test');
  if (train.length === 0 || test.length === 0) return null;
  const inputsOf = (some: readonly ProbeRow[]) =>
    takeRows(
      features,
      some.map((row) => captureRow(row.triple, row.member)),
    );
  const tested = inputsOf(test);
  const fitter = learner.at(inputsOf(train), learner.perRow(penalty, words, train.length));
  const scored = (worth: (word: string) => number) => {
    const targets = train.map(({ word }) => worth(word));
    if (!targets.some((v) => v > 0) || !targets.some((v) => v < 0)) return null;
    const read = {
      word: test.map(({ word }) => word),
      value: test.map(({ word }) => worth(word)),
      fold: test.map(({ fold }) => fold),
    };
    const reading = readWords(read, predict(fitter(targets, true), tested), {
      method,
      protocol: 'corrected',
    });
    return { tau: tauOf(reading), signAccuracy: signAccuracyOf(reading), reading };
  };

  const values = new Map(rows.map(({ word, value }) => [word, value]));
  const truth = scored((word) => values.get(word) as number);
  if (!truth) return null;
  const draws = stream(seed, 'probe/control-task');
  const all = [...values.keys()].sort();
  const control: ControlTask['control'] = { tau: [], signAccuracy: [] };
  const tasksRead: ControlReading[] = [];
  for (let task = 0; task < tasks; task++) {
    const donors = draws.permutation(all.length);
    const given = new Map(
      all.map((word, i) => [word, values.get(all[donors[i] as number] as string) as number]),
    );
    const score = scored((word) => given.get(word) as number);
    if (!score) continue;
    control.tau.push(score.tau);
    control.signAccuracy.push(score.signAccuracy);
    tasksRead.push(readingOf(score.reading));
  }
  const { reading, ...scores } = truth;
  return {
    truth: scores,
    control,
    read: { words: reading.words, truth: readingOf(reading), tasks: tasksRead },
  };
}

const readingOf = ({ values, predictions, strata }: Reading): ControlReading => ({
  values: [...values],
  predictions: [...predictions],
  strata: [...strata],
});
