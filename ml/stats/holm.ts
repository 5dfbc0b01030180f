/**
 * Holm's step-down adjustment of p-values: keeps the chance of any false finding (family-wise error) at the level, whatever
 * the dependence (S. Holm, Scand. J. Stat. 6, 1979). Sorted ascending, p_(i) -> max over j <= i of (m - j + 1) p_(j).
 * Returns the adjusted p-values in the order of the input.
 */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => (p[a] as number) - (p[b] as number));
  const adjusted = new Array<number>(p.length).fill(1);
  let largest = 0;
  order.forEach((row, rank) => {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * (p[row] as number)));
    adjusted[row] = largest;
  });
  return adjusted;
}
