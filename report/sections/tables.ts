import { canonicalJson } from '../../store/canonical.ts';
import type { Json } from '../../store/types.ts';
import { labelOf, type ReportPoint, type ReportRun, readTable } from '../run.ts';
import type { TableBlock } from '../types.ts';

/** More open tables than this bury what comes after them. */
const MOST_OPEN = 3;

/** More than so many of the same columns are one table. */
const MOST_APART = 6;

/**
 * The tables that the points of a kind made, each named for its point when there are several; of some, all are closed, and many
 * of the same columns are one.
 */
export function tableBlocks(
  run: ReportRun,
  kind: string,
  output = 'table',
  look: Pick<TableBlock, 'fold' | 'closed'> = { fold: 12 },
): TableBlock[] {
  const points = run.accepted(kind);
  const together = points.length > MOST_APART ? merged(points, output) : null;
  if (together) return [{ type: 'table', ...look, closed: true, from: points, table: together }];
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

/** One table of all, each row saying whose it is; null when they differ in more than rows. */
function merged(points: readonly ReportPoint[], output: string): TableBlock['table'] | null {
  const tables = points.flatMap((point) => {
    const table = readTable(point, output);
    return table ? [{ table, name: nameOf(point) }] : [];
  });
  const [first] = tables;
  if (!first) return null;
  const shape = ({ id, columns }: TableBlock['table']) => canonicalJson([id, columns] as unknown as Json);
  if (tables.some(({ table }) => shape(table) !== shape(first.table))) return null;
  return {
    ...first.table,
    title: `${first.table.title} (${tables.length} points)`,
    columns: [{ key: OWNER, label: 'of' }, ...first.table.columns],
    rows: tables.flatMap(({ table, name }) => table.rows.map((row) => ({ [OWNER]: name, ...row }))),
  };
}

/** The key of the column that says whose a row is: no output of a kind has such a name. */
const OWNER = '-of';

const nameOf = (point: ReportPoint): string => [point.step, labelOf(point)].filter(Boolean).join(' ');

function named(table: TableBlock['table'], point: ReportPoint): TableBlock['table'] {
  const label = nameOf(point);
  return {
    ...table,
    id: `${table.id}-${label.replace(/[^a-zA-Z0-9]+/g, '-')}`,
    title: `${table.title} (${label})`,
  };
}
