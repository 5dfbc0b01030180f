import { KendallPairs, kendall, type PairCounts, scoreVariance, tauB } from './kendall.ts';
import { normalTwoSided } from './normal.ts';

/**
 * Kendall's tau-b over pairs within the same stratum only: the counts of all strata are added, then tau is taken. For
 * predictions that come from several fits (the folds of a cross-validation), whose offsets must not be compared.
 * With one stratum it is `kendall`.
 *
 * p-value, two-sided: the sum of the strata's scores over the root of the sum of their variances, by the normal
 * approximation (exact for one small stratum, as `kendall`).
 */
export class StratifiedKendall {
  private readonly pairs: KendallPairs;
  private readonly strata: Int32Array;
  private readonly levels: number;
  private readonly bucket: Int32Array[];

  /** @param strata stratum of each row, 0-based */
  constructor(
    private readonly x: ArrayLike<number>,
    private readonly y: ArrayLike<number>,
    strata: ArrayLike<number>,
  ) {
    if (strata.length !== x.length)
      throw new RangeError(`kendall: ${strata.length} strata for ${x.length} rows`);
    this.pairs = new KendallPairs(x, y);
    this.strata = Int32Array.from(strata);
    this.levels = this.strata.reduce((most, s) => Math.max(most, s + 1), 0);
    this.bucket = Array.from({ length: this.levels }, () => new Int32Array(x.length));
  }

  /** Tau-b of the rows drawn, which may repeat. NaN when no stratum has two different values of both. */
  tau(rows: Int32Array = this.pairs.all): number {
    return tauB(this.count(rows));
  }

  /** Pairs of the rows drawn, added over strata. */
  count(rows: Int32Array): PairCounts {
    const sum: PairCounts = { total: 0, score: 0, discordant: 0, tiedX: 0, tiedY: 0 };
    for (const members of this.split(rows)) {
      const counts = this.pairs.count(members);
      sum.total += counts.total;
      sum.score += counts.score;
      sum.discordant += counts.discordant;
      sum.tiedX += counts.tiedX;
      sum.tiedY += counts.tiedY;
    }
    return sum;
  }

  result(): { tau: number; p_value: number; n: number } {
    const n = this.x.length;
    const tau = this.tau();
    const strata = this.split(this.pairs.all).filter((rows) => rows.length > 0);
    if (!Number.isFinite(tau)) return { tau, p_value: Number.NaN, n };
    if (strata.length === 1) return { tau, p_value: kendall(this.x, this.y).p_value, n };
    let score = 0;
    let variance = 0;
    for (const rows of strata) {
      score += this.pairs.count(rows).score;
      variance += scoreVariance(this.pairs, rows);
    }
    return { tau, p_value: variance > 0 ? normalTwoSided(score / Math.sqrt(variance)) : Number.NaN, n };
  }

  private split(rows: Int32Array): Int32Array[] {
    const lengths = new Int32Array(this.levels);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const s = this.strata[row] as number;
      let members = this.bucket[s] as Int32Array;
      const at = lengths[s] as number;
      if (at === members.length) {
        members = new Int32Array(2 * at + 1);
        members.set(this.bucket[s] as Int32Array);
        this.bucket[s] = members;
      }
      members[at] = row;
      lengths[s] = at + 1;
    }
    return this.bucket.map((members, s) => members.subarray(0, lengths[s]));
  }
}
