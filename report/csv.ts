import type { Table } from '../store/table.ts';
import type { Json } from '../store/types.ts';

/** RFC 4180: all columns that rows hold (intervals and traces too), for spreadsheets. */
export const toCsv = (table: Table): string =>
  rowsToCsv(
    table.rows,
    table.columns.map((column) => column.key),
  );

/** @param first columns that come first, in this order */
export function rowsToCsv(rows: readonly Record<string, Json>[], first: readonly string[] = []): string {
  const keys = [...new Set([...first, ...rows.flatMap((row) => Object.keys(row))])];
  return [keys, ...rows.map((row) => keys.map((key) => row[key]))]
    .map((line) => `${line.map(field).join(',')}\r\n`)
    .join('');
}

function field(value: Json | undefined): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
