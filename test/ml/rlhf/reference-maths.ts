import { readFileSync } from 'node:fs';

/** A section of test/fixtures/reference-maths.json: numbers computed by the packages that define them. */
export function referenceMaths<T>(section: string): T {
  const path = new URL('../../fixtures/reference-maths.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as Record<string, T>)[section] as T;
}

/** Row lengths of a right-padded mask. */
export const lengthsOf = (mask: number[][]) => mask.map((row) => row.reduce((sum, one) => sum + one, 0));

export const gridOf = (rows: number[][]) => rows.map((row) => Float64Array.from(row));

/** The largest absolute difference between two grids of numbers. */
export function largestDifference(a: ArrayLike<number>[], b: ArrayLike<number>[]): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (const [i, row] of a.entries()) {
    const other = b[i] as ArrayLike<number>;
    if (row.length !== other.length) return Number.POSITIVE_INFINITY;
    for (let j = 0; j < row.length; j++) {
      const difference = Math.abs((row[j] as number) - (other[j] as number));
      largest = difference > largest || Number.isNaN(difference) ? difference : largest;
    }
  }
  return largest;
}
