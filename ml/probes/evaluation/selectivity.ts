import { StratifiedKendall } from '../../stats/stratified-kendall.ts';
import type { ControlReading } from '../types.ts';
import type { Cell } from './cells.ts';
import { DrawnRows, type WordIndex } from './drawn-words.ts';

/**
 * Selectivity (Hewitt & Liang, EMNLP 2019; ../control-task.ts) on the words drawn: tau-b of the truth minus the mean tau-b of
 * the control tasks, all on the same words, so that the interval is that of the paired difference. With several seeds, the
 * mean over seeds. Words of one family are drawn together; the random values are those of the tasks that were fitted.
 */
export class SelectivityMeasure {
  private readonly runs: { drawn: DrawnRows; truth: StratifiedKendall; tasks: StratifiedKendall[] }[];

  constructor({ runs }: Cell, index: WordIndex) {
    const kendallOf = ({ values, predictions, strata }: ControlReading) =>
      new StratifiedKendall(values, predictions, strata);
    this.runs = runs.flatMap(({ controlTask }) => {
      if (!controlTask) return [];
      const { words, truth } = controlTask.read;
      // A probe that says the same of all words has no tau.
      const tasks = controlTask.read.tasks.map(kendallOf).filter((task) => Number.isFinite(task.tau()));
      return tasks.length === 0
        ? []
        : [{ drawn: new DrawnRows(words, index), truth: kendallOf(truth), tasks }];
    });
  }

  /** Whether there is a control task to compare with. */
  get defined(): boolean {
    return this.runs.length > 0;
  }

  /** NaN where a draw leaves nothing to compare. */
  measure(words: Int32Array): number {
    let sum = 0;
    for (const { drawn, truth, tasks } of this.runs) {
      const rows = drawn.of(words);
      let control = 0;
      for (const task of tasks) control += task.tau(rows) / tasks.length;
      sum += (truth.tau(rows) - control) / this.runs.length;
    }
    return sum;
  }
}
