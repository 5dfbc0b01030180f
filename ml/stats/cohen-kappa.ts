/**
 * Cohen's kappa: agreement of two raters beyond chance, 1 - sum(w o) / sum(w e), with o the observed shares of pairs of
 * labels, e those expected from the raters' own frequencies, and w the disagreement of two labels
 * (J. Cohen, Educ. Psychol. Meas. 20, 1960; weighted: Psychol. Bull. 70, 1968).
 *
 * weights: 'none' (default) 1 when the labels differ; 'linear' |i - j|; 'quadratic' (i - j)^2 over the sorted labels.
 * NaN when both raters always use the same single label.
 */
export function cohenKappa<T extends string | number>(
  first: readonly T[],
  second: readonly T[],
  weights: 'none' | 'linear' | 'quadratic' = 'none',
): number {
  const n = first.length;
  if (second.length !== n) throw new RangeError(`cohenKappa: ${n} ratings against ${second.length}`);
  const labels = [...new Set([...first, ...second])].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const index = new Map(labels.map((label, i) => [label, i]));
  const a = first.map((label) => index.get(label) as number);
  const b = second.map((label) => index.get(label) as number);
  const disagreement = (i: number, j: number) =>
    weights === 'none' ? Number(i !== j) : weights === 'linear' ? Math.abs(i - j) : (i - j) ** 2;

  const countsA = new Float64Array(labels.length);
  const countsB = new Float64Array(labels.length);
  let observed = 0;
  for (let r = 0; r < n; r++) {
    const i = a[r] as number;
    const j = b[r] as number;
    countsA[i] = (countsA[i] as number) + 1;
    countsB[j] = (countsB[j] as number) + 1;
    observed += disagreement(i, j) / n;
  }
  let expected = 0;
  for (let i = 0; i < labels.length; i++) {
    for (let j = 0; j < labels.length; j++) {
      expected += (disagreement(i, j) * (countsA[i] as number) * (countsB[j] as number)) / (n * n);
    }
  }
  return expected > 0 ? 1 - observed / expected : Number.NaN;
}
