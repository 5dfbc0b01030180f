/** How often each feature was above 0 on `rows` activations. */
export interface Firings {
  rows: number;
  counts_F: Float64Array;
}

/** Fraction of features that never fired on these activations. The window (`rows`) belongs beside every such number. */
export function deadFraction({ counts_F }: Firings): number {
  let dead = 0;
  for (const count of counts_F) if (count === 0) dead++;
  return dead / counts_F.length;
}

/** Fraction of features that fired less often than `frequency`, dead ones among them. */
export function rareFraction({ rows, counts_F }: Firings, frequency: number): number {
  let rare = 0;
  for (const count of counts_F) if (count / rows < frequency) rare++;
  return rare / counts_F.length;
}
