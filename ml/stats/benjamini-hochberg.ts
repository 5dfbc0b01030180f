/**
 * Benjamini and Hochberg's step-up adjustment: keeps the expected share of false findings (false discovery rate) at the
 * level for independent or positively dependent tests (J. R. Stat. Soc. B 57, 1995).
 * Sorted ascending, p_(i) -> min over j >= i of (m / j) p_(j). Returns them in the order of the input.
 */
export function benjaminiHochberg(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => (p[b] as number) - (p[a] as number));
  const adjusted = new Array<number>(p.length).fill(1);
  let smallest = 1;
  order.forEach((row, fromTop) => {
    smallest = Math.min(smallest, ((p[row] as number) * p.length) / (p.length - fromTop));
    adjusted[row] = smallest;
  });
  return adjusted;
}
