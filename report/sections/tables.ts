import { labelOf, type ReportPoint, type ReportRun, readTable } from '../run.ts';
import type { TableBlock } from '../types.ts';

/** More open tables than this bury what comes after them. */
const MOST_OPEN = 3;

/** The tables that the points of a kind made, each named for its point when there are several; of many, all are closed. */
export function tableBlocks(
  run: ReportRun,
  kind: string,
  output = 'table',
  look: Pick<TableBlock, 'fold' | 'closed'> = { fold: 12 },
): TableBlock[] {
  const points = run.accepted(kind);
  return points.flatMap((point) => {
    const table = readTable(point, output);
    if (!table) return [];
    const closed = look.closed ?? points.length > MOST_OPEN;
    return [
      {
        type: 'table',
        ...look,
        closed,
        from: [point],
        table: points.length > 1 ? named(table, point) : table,
      },
    ];
  });
}

function named(table: TableBlock['table'], point: ReportPoint): TableBlock['table'] {
  const label = `${point.step} ${labelOf(point)}`;
  return {
    ...table,
    id: `${table.id}-${label.replace(/[^a-zA-Z0-9]+/g, '-')}`,
    title: `${table.title} (${label})`,
  };
}
