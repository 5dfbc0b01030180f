/**
 * Krippendorff's alpha for nominal labels: agreement of any number of raters beyond chance, where not every rater has
 * labelled every unit.
 *
 *   alpha = 1 - D_o / D_e,  D_o = sum_{c != k} o_ck / n,  D_e = sum_{c != k} n_c n_k / (n (n - 1))
 *
 * o_ck counts pairs of labels within a unit, each unit weighed by 1 / (labels - 1); n_c their marginal sums, n their total.
 * Units with one label count for nothing. 1: no disagreement; 0: chance. NaN when nothing can be compared or when there is
 * one label only.
 *
 * Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); package `krippendorff`.
 *
 * @param units the labels of each unit, in any order
 */
export function krippendorffAlpha(units: readonly (readonly (string | number)[])[]): number {
  const totals = new Map<string | number, number>();
  let n = 0;
  let disagreements = 0;
  for (const labels of units) {
    if (labels.length < 2) continue;
    const counts = new Map<string | number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    let equal = 0;
    for (const [label, count] of counts) {
      totals.set(label, (totals.get(label) ?? 0) + count);
      equal += count * (count - 1);
    }
    n += labels.length;
    disagreements += (labels.length * (labels.length - 1) - equal) / (labels.length - 1);
  }
  let expected = n * n;
  for (const total of totals.values()) expected -= total * total;
  return expected > 0 ? 1 - ((n - 1) * disagreements) / expected : Number.NaN;
}
