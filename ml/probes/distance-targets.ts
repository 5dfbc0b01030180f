import type { Matrix } from './algebra/matrix.ts';
import { captureRow } from './rows.ts';
import type { ProbeRow } from './types.ts';

/**
 * The targets of the published probe (Marks et al. 2024, section 3.3): the distance of a text's features to those of its
 * neutral counterpart, with the sign of the text's label,
 *
 *   +||A(x+) - A(x0)||_2 for the positive text, -||A(x-) - A(x0)||_2 for the negative one.
 *
 * The sign comes from the label, so a probe of these targets shows that polarity can be decoded, not that a model learned
 * it; `signOf` lets a control give other labels.
 *
 * @param features of all captured rows, three a triple
 */
export function distanceTargets(
  features: Matrix,
  rows: readonly ProbeRow[],
  signOf: (row: ProbeRow) => number,
): Float64Array {
  const { columns, data } = features;
  return Float64Array.from(rows, (row) => {
    const own = captureRow(row.triple, row.member) * columns;
    const neutral = captureRow(row.triple, 'neutral') * columns;
    let squares = 0;
    for (let j = 0; j < columns; j++)
      squares += ((data[own + j] as number) - (data[neutral + j] as number)) ** 2;
    return Math.sign(signOf(row)) * Math.sqrt(squares);
  });
}
