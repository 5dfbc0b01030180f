/** Shapes in names: N positions, F features, P pairs. */

/**
 * Pearson's correlation of the activations of pairs of features, one of each of two dictionaries, over the positions taken
 * in, part by part. Features that do the same correlate whatever their directions are; NaN where one of the two never fires
 * (or never changes).
 */
export class PairCorrelations {
  private rows = 0;
  private readonly sums: Float64Array;
  private readonly squares: Float64Array;
  private readonly otherSums: Float64Array;
  private readonly otherSquares: Float64Array;
  private readonly products: Float64Array;

  /** Pair p is feature `first[p]` of the one and `second[p]` of the other dictionary. */
  constructor(
    private readonly first: Int32Array,
    private readonly second: Int32Array,
  ) {
    const make = () => new Float64Array(first.length);
    this.sums = make();
    this.squares = make();
    this.otherSums = make();
    this.otherSquares = make();
    this.products = make();
  }

  /** Activations of both dictionaries at the same `rows` positions: [N, F] each, of widths `F` and `otherF`. */
  add(features_NF: Float32Array, F: number, others_NF: Float32Array, otherF: number): void {
    const rows = features_NF.length / F;
    for (let n = 0; n < rows; n++) {
      for (let p = 0; p < this.first.length; p++) {
        const a = features_NF[n * F + this.first[p]!]!;
        const b = others_NF[n * otherF + this.second[p]!]!;
        if (a !== 0) {
          this.sums[p]! += a;
          this.squares[p]! += a * a;
        }
        if (b !== 0) {
          this.otherSums[p]! += b;
          this.otherSquares[p]! += b * b;
          this.products[p]! += a * b;
        }
      }
    }
    this.rows += rows;
  }

  correlations(): Float64Array {
    const n = this.rows;
    return this.products.map((product, p) => {
      const spread = n * this.squares[p]! - this.sums[p]! ** 2;
      const other = n * this.otherSquares[p]! - this.otherSums[p]! ** 2;
      if (!(spread > 0 && other > 0)) return Number.NaN;
      const r = (n * product - this.sums[p]! * this.otherSums[p]!) / (Math.sqrt(spread) * Math.sqrt(other));
      return Math.max(-1, Math.min(1, r));
    });
  }
}
