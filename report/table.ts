import type { Table, TableColumn } from '../store/table.ts';
import type { Json } from '../store/types.ts';
import {
  formatInteger,
  formatInterval,
  formatNumber,
  formatP,
  formatPercent,
  numberFormat,
} from './format.ts';
import { type Html, html } from './html.ts';

const isNumeric = (column: TableColumn) => column.format !== undefined && column.format !== 'text';

function formatValue(column: TableColumn, value: Json | undefined, number = formatNumber): string {
  if (value === null || value === undefined) return '–';
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value);
  switch (column.format) {
    case 'integer':
      return formatInteger(value);
    case 'percent':
      return formatPercent(value);
    case 'p-value':
      return formatP(value);
    default:
      return number(value);
  }
}

function cell(column: TableColumn, row: Record<string, Json>): Html {
  const value = row[column.key];
  const low = column.interval && row[column.interval[0]];
  const high = column.interval && row[column.interval[1]];
  if (typeof value !== 'number' || typeof low !== 'number' || typeof high !== 'number')
    return tableCell(column, formatValue(column, value), null);
  const number = numberFormat([value, low, high]);
  const interval = formatInterval(low, high, (end) => formatValue(column, end, number));
  return tableCell(
    column,
    formatValue(column, value, number),
    html` <span class="interval">${interval}</span>`,
  );
}

function tableCell(column: TableColumn, text: string, interval: Html | null): Html {
  return html`<td class="${isNumeric(column) ? 'number' : 'text'}">${text}${interval}</td>`;
}

function rowsOf(table: Table, rows: Table['rows']): Html {
  return html`<div class="scroll"><table><thead><tr>${table.columns.map(
    (column) => html`<th class="${isNumeric(column) ? 'number' : 'text'}">${column.label}</th>`,
  )}</tr></thead><tbody>${rows.map((row) => html`<tr>${table.columns.map((column) => cell(column, row))}</tr>`)}</tbody></table></div>`;
}

/** A table behind its title: for what few read and nobody should have to ask for. */
export function renderClosedTable(table: Table): Html {
  return html`<details class="closed" id="table-${table.id}"><summary>${table.title} (${table.rows.length} rows)</summary>${rowsOf(table, table.rows)}</details>`;
}

/** A table with its caption, its definitions and, when long, its tail folded away. */
export function renderTable(table: Table, fold = 15): Html {
  const defined = table.columns.filter((column) => column.definition);
  const shown = table.rows.slice(0, fold);
  const rest = table.rows.slice(fold);
  return html`<section class="table" id="table-${table.id}"><h3>${table.title}</h3><p class="lead">${table.caption}</p>${rowsOf(table, shown)}${
    rest.length > 0 &&
    html`<details><summary>${rest.length} more rows</summary>${rowsOf(table, rest)}</details>`
  }${
    defined.length > 0 &&
    html`<details><summary>Definitions</summary><dl class="definitions">${defined.map(
      (column) => html`<dt>${column.label}</dt><dd>${column.definition}</dd>`,
    )}</dl></details>`
  }</section>`;
}

/** RFC 4180, all columns that rows hold (intervals too), for spreadsheets. */
export function toCsv(table: Table): string {
  const keys = [
    ...new Set([
      ...table.columns.map((column) => column.key),
      ...table.rows.flatMap((row) => Object.keys(row)),
    ]),
  ];
  const field = (value: Json | undefined) => {
    if (value === null || value === undefined) return '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [keys, ...table.rows.map((row) => keys.map((key) => row[key]))]
    .map((line) => `${line.map(field).join(',')}\r\n`)
    .join('');
}
