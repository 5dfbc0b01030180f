import { tauB } from '../../stats/kendall.ts';
import { StratifiedCorrelations } from '../../stats/stratified-correlations.ts';
import { StratifiedKendall } from '../../stats/stratified-kendall.ts';
import type { Reading } from '../types.ts';
import type { Cell } from './cells.ts';
import { DrawnRows, type WordIndex } from './drawn-words.ts';

/**
 * What is measured of a probe, each on the words drawn:
 *
 *   tau           Kendall's tau-b of value and prediction, over all pairs of words (of a fold)
 *   tauPositive   the same among positive words; tauNegative: among negative ones
 *   tauWithin     over pairs of like sign: the order beyond polarity
 *   spearman      Spearman's rho and
 *   pearson       Pearson's r of value and prediction, within folds
 *   auc           share of pairs of a positive and a negative word (of a fold) in which the positive one is predicted higher
 *   signAccuracy  share of words whose prediction has the sign of the value
 *   accuracy      the same share of occurrences
 *
 * With several seeds, the mean over seeds.
 */
export const MEASURES = [
  'tau',
  'tauPositive',
  'tauNegative',
  'tauWithin',
  'spearman',
  'pearson',
  'auc',
  'signAccuracy',
  'accuracy',
] as const;
export type Measure = (typeof MEASURES)[number];

/** Computes all measures of a cell for any draw of words. */
export class CellMeasures {
  private readonly runs: RunMeasures[];
  private readonly one = new Float64Array(MEASURES.length);

  constructor(cell: Cell, index: WordIndex) {
    this.runs = cell.runs.map(({ reading }) => new RunMeasures(reading, index));
  }

  /** Writes the measures into out[at ..]. */
  measure(drawn: Int32Array, out: Float64Array, at: number): void {
    out.fill(0, at, at + MEASURES.length);
    for (const run of this.runs) {
      run.measure(drawn, this.one);
      for (let m = 0; m < MEASURES.length; m++) {
        out[at + m] = (out[at + m] as number) + (this.one[m] as number) / this.runs.length;
      }
    }
  }
}

class RunMeasures {
  private readonly drawn: DrawnRows;
  private readonly kendall: StratifiedKendall;
  private readonly correlations: StratifiedCorrelations;
  private positive: Int32Array;
  private negative: Int32Array;

  constructor(
    private readonly reading: Reading,
    index: WordIndex,
  ) {
    this.drawn = new DrawnRows(reading.words, index);
    this.kendall = new StratifiedKendall(reading.values, reading.predictions, reading.strata);
    this.correlations = new StratifiedCorrelations(reading.values, reading.predictions, reading.strata);
    this.positive = new Int32Array(reading.words.length);
    this.negative = new Int32Array(reading.words.length);
  }

  measure(words: Int32Array, out: Float64Array): void {
    const { values, predictions, occurrences, right: rightOccurrences } = this.reading;
    const rows = this.drawn.of(words);
    if (this.positive.length < rows.length) {
      this.positive = new Int32Array(rows.length);
      this.negative = new Int32Array(rows.length);
    }
    let positives = 0;
    let negatives = 0;
    let right = 0;
    let occurring = 0;
    let occurringRight = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const value = values[row] as number;
      if (value > 0) this.positive[positives++] = row;
      else this.negative[negatives++] = row;
      if (Math.sign(predictions[row] as number) === Math.sign(value)) right++;
      occurring += occurrences[row] as number;
      occurringRight += rightOccurrences[row] as number;
    }
    const up = this.kendall.count(this.positive.subarray(0, positives));
    const down = this.kendall.count(this.negative.subarray(0, negatives));
    out[0] = this.kendall.tau(rows);
    out[1] = tauB(up);
    out[2] = tauB(down);
    out[3] = tauB({
      total: up.total + down.total,
      score: up.score + down.score,
      discordant: up.discordant + down.discordant,
      tiedX: up.tiedX + down.tiedX,
      tiedY: up.tiedY + down.tiedY,
    });
    const { spearman, pearson, auc } = this.correlations.measure(rows);
    out[4] = spearman;
    out[5] = pearson;
    out[6] = auc;
    out[7] = right / rows.length;
    out[8] = occurringRight / occurring;
  }
}
