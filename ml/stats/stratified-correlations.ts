import { denseRanks } from './ranks.ts';

/**
 * Correlations over several strata (the folds of a cross-validation, whose predictions have different offsets), for the rows
 * drawn by a bootstrap:
 *
 *   pearson   sum of the strata's covariances over the roots of the sums of their variances: of deviations from the mean of
 *             the stratum
 *   spearman  the same of mid-ranks within the stratum, divided by its size
 *   auc       share of pairs of a row with x > 0 and one with x < 0, of one stratum, in which the first has the larger y,
 *             ties counting half
 *
 * With one stratum these are `pearson`, `spearman` and `auc`. NaN where undefined.
 */
export interface Correlations {
  pearson: number;
  spearman: number;
  auc: number;
}

export class StratifiedCorrelations {
  private readonly levels: number;
  private readonly all: Int32Array;
  private readonly ranksX: RanksWithin;
  private readonly ranksY: RanksWithin;
  /** By stratum. */
  private readonly counts: Float64Array;
  private readonly positives: Float64Array;
  private readonly meansX: Float64Array;
  private readonly meansY: Float64Array;
  private readonly rankSums: Float64Array;

  /** @param strata stratum of each row, 0-based */
  constructor(
    private readonly x: ArrayLike<number>,
    private readonly y: ArrayLike<number>,
    private readonly strata: ArrayLike<number>,
  ) {
    this.levels = Array.from(strata).reduce((most, s) => Math.max(most, s + 1), 0);
    this.all = Int32Array.from({ length: x.length }, (_, i) => i);
    this.ranksX = new RanksWithin(x, strata, this.levels);
    this.ranksY = new RanksWithin(y, strata, this.levels);
    const zeros = () => new Float64Array(this.levels);
    this.counts = zeros();
    this.positives = zeros();
    this.meansX = zeros();
    this.meansY = zeros();
    this.rankSums = zeros();
  }

  measure(rows: Int32Array = this.all): Correlations {
    const { x, y, strata, counts, positives, meansX, meansY, rankSums } = this;
    for (const sums of [counts, positives, meansX, meansY, rankSums]) sums.fill(0);
    this.ranksX.draw(rows);
    this.ranksY.draw(rows);
    const add = (sums: Float64Array, s: number, value: number) => {
      sums[s] = (sums[s] as number) + value;
    };
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const s = strata[row] as number;
      add(counts, s, 1);
      add(meansX, s, x[row] as number);
      add(meansY, s, y[row] as number);
      if (!((x[row] as number) > 0)) continue;
      add(positives, s, 1);
      add(rankSums, s, this.ranksY.of(row));
    }
    let wins = 0;
    let pairs = 0;
    for (let s = 0; s < this.levels; s++) {
      const n = counts[s] as number;
      if (n === 0) continue;
      meansX[s] = (meansX[s] as number) / n;
      meansY[s] = (meansY[s] as number) / n;
      const p = positives[s] as number;
      wins += (rankSums[s] as number) - (p * (p + 1)) / 2;
      pairs += p * (n - p);
    }
    const values = new Products();
    const ranks = new Products();
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const s = strata[row] as number;
      const n = counts[s] as number;
      values.add((x[row] as number) - (meansX[s] as number), (y[row] as number) - (meansY[s] as number));
      const middle = (n + 1) / 2;
      ranks.add((this.ranksX.of(row) - middle) / n, (this.ranksY.of(row) - middle) / n);
    }
    return {
      pearson: values.correlation(),
      spearman: ranks.correlation(),
      auc: pairs > 0 ? wins / pairs : Number.NaN,
    };
  }
}

class Products {
  private xx = 0;
  private yy = 0;
  private xy = 0;

  add(x: number, y: number): void {
    this.xx += x * x;
    this.yy += y * y;
    this.xy += x * y;
  }

  correlation(): number {
    // What is left of a constant is rounding.
    if (!(this.xx > 1e-24 && this.yy > 1e-24)) return Number.NaN;
    return Math.max(-1, Math.min(1, this.xy / Math.sqrt(this.xx * this.yy)));
  }
}

/** Mid-ranks of drawn rows within their stratum: counted over levels that are found once. */
class RanksWithin {
  /** Level of each row: levels of a stratum are consecutive and ascend with the value. */
  private readonly level: Int32Array;
  private readonly starts: Int32Array;
  private readonly ranks: Float64Array;
  private readonly drawn: Int32Array;

  constructor(values: ArrayLike<number>, strata: ArrayLike<number>, count: number) {
    this.level = new Int32Array(values.length);
    this.starts = new Int32Array(count + 1);
    let next = 0;
    for (let s = 0; s < count; s++) {
      this.starts[s] = next;
      const rows = Array.from(strata, (_, i) => i).filter((i) => strata[i] === s);
      const [dense, levels] = denseRanks(rows.map((row) => values[row] as number));
      rows.forEach((row, i) => {
        this.level[row] = next + (dense[i] as number);
      });
      next += levels;
    }
    this.starts[count] = next;
    this.ranks = new Float64Array(next);
    this.drawn = new Int32Array(next);
  }

  draw(rows: Int32Array): void {
    const { level, starts, ranks, drawn } = this;
    drawn.fill(0);
    for (let i = 0; i < rows.length; i++) {
      const l = level[rows[i] as number] as number;
      drawn[l] = (drawn[l] as number) + 1;
    }
    for (let s = 0; s + 1 < starts.length; s++) {
      let below = 0;
      for (let l = starts[s] as number; l < (starts[s + 1] as number); l++) {
        const own = drawn[l] as number;
        ranks[l] = below + (own + 1) / 2;
        below += own;
      }
    }
  }

  of(row: number): number {
    return this.ranks[this.level[row] as number] as number;
  }
}
