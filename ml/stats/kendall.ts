import { normalTwoSided } from './normal.ts';
import { denseRanks } from './ranks.ts';

/**
 * Kendall's tau-b, the rank correlation that allows for ties (M. G. Kendall, "The Treatment of Ties in Ranking Problems",
 * Biometrika 33, 1945):
 *
 *   tau_b = (concordant - discordant) / sqrt((n0 - n1)(n0 - n2)),   n0 = n(n-1)/2, n1 and n2 pairs tied in x and in y
 *
 * counted in O(n log n) with a Fenwick tree over the ranks of y. It is undefined (NaN) when x or y is constant.
 *
 * p-value, two-sided, of independence: exact (counting permutations by their inversions) without ties when n <= 33 or at
 * most one pair is out of order; else the normal approximation with the variance corrected for ties (Kendall, "Rank
 * Correlation Methods", 1970, ch. 4-5). The same choices as scipy.stats.kendalltau.
 */
export interface KendallResult {
  tau: number;
  p_value: number;
  n: number;
  method: 'exact' | 'asymptotic';
}

export function kendall(x: ArrayLike<number>, y: ArrayLike<number>): KendallResult {
  const pairs = new KendallPairs(x, y);
  const n = x.length;
  const counts = pairs.count(pairs.all);
  const tau = tauB(counts);
  if (!Number.isFinite(tau)) return { tau, p_value: Number.NaN, n, method: 'asymptotic' };
  const { total, discordant, tiedX, tiedY, score } = counts;
  const fewer = Math.min(discordant, total - discordant);
  if (tiedX === 0 && tiedY === 0 && (n <= 33 || fewer <= 1)) {
    return { tau, p_value: exactP(n, fewer), n, method: 'exact' };
  }
  const variance = scoreVariance(pairs, pairs.all);
  return { tau, p_value: normalTwoSided(score / Math.sqrt(variance)), n, method: 'asymptotic' };
}

/** What tau is made of: numbers of pairs. */
export interface PairCounts {
  total: number;
  /** Concordant minus discordant. */
  score: number;
  discordant: number;
  tiedX: number;
  tiedY: number;
}

export function tauB({ total, score, tiedX, tiedY }: PairCounts): number {
  const bottom = Math.sqrt((total - tiedX) * (total - tiedY));
  return bottom > 0 ? Math.max(-1, Math.min(1, score / bottom)) : Number.NaN;
}

/**
 * Two lists ranked once, so that tau of any selection of rows (a bootstrap resample, with repeats) needs no sorting and
 * allocates nothing that grows with the rows.
 */
export class KendallPairs {
  readonly ranksX: Int32Array;
  readonly ranksY: Int32Array;
  readonly levelsX: number;
  readonly levelsY: number;
  readonly all: Int32Array;
  private readonly startsX: Int32Array;
  private readonly tree: Int32Array;
  private readonly countsY: Int32Array;
  private sorted: Int32Array;

  constructor(x: ArrayLike<number>, y: ArrayLike<number>) {
    if (x.length !== y.length) throw new RangeError(`kendall: ${x.length} values against ${y.length}`);
    [this.ranksX, this.levelsX] = denseRanks(x);
    [this.ranksY, this.levelsY] = denseRanks(y);
    this.all = Int32Array.from({ length: x.length }, (_, i) => i);
    this.startsX = new Int32Array(this.levelsX + 2);
    this.tree = new Int32Array(this.levelsY + 1);
    this.countsY = new Int32Array(this.levelsY);
    this.sorted = new Int32Array(x.length);
  }

  /** Tau-b of the rows drawn. */
  tau(rows: Int32Array): number {
    return tauB(this.count(rows));
  }

  count(rows: Int32Array): PairCounts {
    const n = rows.length;
    this.sortByX(rows);
    const { sorted, startsX, tree, countsY, ranksY } = this;
    tree.fill(0);
    countsY.fill(0);
    let score = 0;
    let discordant = 0;
    let tiedX = 0;
    for (let level = 0; level < this.levelsX; level++) {
      const start = startsX[level] as number;
      const end = startsX[level + 1] as number;
      tiedX += ((end - start) * (end - start - 1)) / 2;
      for (let i = start; i < end; i++) {
        const y = ranksY[sorted[i] as number] as number;
        let below = 0;
        for (let node = y; node > 0; node -= node & -node) below += tree[node] as number;
        const above = start - below - (countsY[y] as number);
        score += below - above;
        discordant += above;
      }
      for (let i = start; i < end; i++) {
        const y = ranksY[sorted[i] as number] as number;
        countsY[y] = (countsY[y] as number) + 1;
        for (let node = y + 1; node <= this.levelsY; node += node & -node)
          tree[node] = (tree[node] as number) + 1;
      }
    }
    let tiedY = 0;
    for (let y = 0; y < this.levelsY; y++) {
      const count = countsY[y] as number;
      tiedY += (count * (count - 1)) / 2;
    }
    return { total: (n * (n - 1)) / 2, score, discordant, tiedX, tiedY };
  }

  /** Counting sort of the rows by the rank of x; afterwards level l owns sorted[startsX[l] .. startsX[l+1]). */
  private sortByX(rows: Int32Array): void {
    const n = rows.length;
    if (this.sorted.length < n) this.sorted = new Int32Array(n);
    const { startsX, ranksX, sorted } = this;
    startsX.fill(0);
    for (let i = 0; i < n; i++) {
      const slot = (ranksX[rows[i] as number] as number) + 2;
      startsX[slot] = (startsX[slot] as number) + 1;
    }
    for (let slot = 2; slot < startsX.length; slot++) {
      startsX[slot] = (startsX[slot] as number) + (startsX[slot - 1] as number);
    }
    for (let i = 0; i < n; i++) {
      const row = rows[i] as number;
      const slot = (ranksX[row] as number) + 1;
      const position = startsX[slot] as number;
      sorted[position] = row;
      startsX[slot] = position + 1;
    }
  }
}

/** Variance of the score of independent x and y with the ties that these rows have. */
export function scoreVariance(pairs: KendallPairs, rows: Int32Array): number {
  const n = rows.length;
  if (n < 2) return 0;
  const m = n * (n - 1);
  const x = tieSums(pairs.ranksX, pairs.levelsX, rows);
  const y = tieSums(pairs.ranksY, pairs.levelsY, rows);
  return (
    (m * (2 * n + 5) - x.variance - y.variance) / 18 +
    (x.pairs * y.pairs) / (2 * m) +
    (n > 2 ? (x.triples * y.triples) / (9 * m * (n - 2)) : 0)
  );
}

/** Sums over groups of t ties: t(t-1), t(t-1)(t-2), and t(t-1)(2t+5). */
function tieSums(ranks: Int32Array, levels: number, rows: Int32Array) {
  const counts = new Float64Array(levels);
  for (const row of rows) {
    const rank = ranks[row] as number;
    counts[rank] = (counts[rank] as number) + 1;
  }
  const sums = { pairs: 0, triples: 0, variance: 0 };
  for (const t of counts) {
    sums.pairs += t * (t - 1);
    sums.triples += t * (t - 1) * (t - 2);
    sums.variance += t * (t - 1) * (2 * t + 5);
  }
  return sums;
}

/** P(at most `inversions` out of order, or as many in order), over all permutations of n without ties. */
function exactP(n: number, inversions: number): number {
  if (n < 3 || 4 * inversions === n * (n - 1)) return 1;
  let shares = new Float64Array(inversions + 1);
  shares[0] = 0.5;
  if (inversions >= 1) shares[1] = 0.5;
  for (let j = 3; j <= n; j++) {
    const next = new Float64Array(inversions + 1);
    let window = 0;
    for (let c = 0; c <= inversions; c++) {
      window += shares[c] as number;
      if (c >= j) window -= shares[c - j] as number;
      next[c] = window / j;
    }
    shares = next;
  }
  let tail = 0;
  for (const share of shares) tail += share;
  return Math.min(1, 2 * tail);
}
