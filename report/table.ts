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
import { type Html, html, prose } from './html.ts';
import { linkTo, measureAnchor, tracedValue } from './trace.ts';
import type { TableBlock } from './types.ts';

/** A page with more rows of one table is slow to open, and nobody reads them there: the CSV has all. */
const MOST_ROWS = 1000;

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
  const shown = cellContent(column, row);
  return html`<td class="${isNumeric(column) ? 'number' : 'text'}">${
    column.trace ? tracedValue(column.trace, row, shown) : shown
  }</td>`;
}

function cellContent(column: TableColumn, row: Record<string, Json>): Html {
  const value = row[column.key];
  if (column.measureOf) {
    const target = linkTo(measureAnchor(String(row[column.measureOf]), String(value)));
    return html`<a href="${target}">${formatValue(column, value)}</a>`;
  }
  const low = column.interval && row[column.interval[0]];
  const high = column.interval && row[column.interval[1]];
  if (typeof value !== 'number' || typeof low !== 'number' || typeof high !== 'number')
    return html`${formatValue(column, value)}`;
  const number = numberFormat([value, low, high]);
  const interval = formatInterval(low, high, (end) => formatValue(column, end, number));
  return html`${formatValue(column, value, number)} <span class="interval">${interval}</span>`;
}

function rowsOf({ table, anchor }: TableBlock, rows: Table['rows']): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${table.title}"><table><thead><tr>${table.columns.map(
    (column) => html`<th scope="col" class="${isNumeric(column) ? 'number' : 'text'}">${column.label}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr${anchor && html` id="${anchor(row)}"`}>${table.columns.map((column) => cell(column, row))}</tr>`,
  )}</tbody></table></div>`;
}

/** A table behind its title: for what few read and nobody should have to ask for. */
export function renderClosedTable(block: TableBlock, below: Html | null = null): Html {
  const { table } = block;
  return html`<details class="closed" id="table-${table.id}"><summary>${table.title} (${rowCount(table)})</summary>${
    table.caption && html`<p class="lead">${prose(table.caption)}</p>`
  }${rowsOf(block, table.rows.slice(0, MOST_ROWS))}${left(table)}${below}</details>`;
}

/** A table with its caption, its definitions and, when long, its tail folded away. */
export function renderTable(block: TableBlock, below: Html | null = null): Html {
  const { table, fold = 15 } = block;
  const defined = table.columns.filter((column) => column.definition);
  const shown = table.rows.slice(0, fold);
  const rest = table.rows.slice(fold, MOST_ROWS);
  return html`<section class="table" id="table-${table.id}"><h3>${table.title}</h3><p class="lead">${prose(table.caption)}</p>${rowsOf(block, shown)}${
    rest.length > 0 &&
    html`<details><summary>${formatInteger(rest.length)} more ${rest.length === 1 ? 'row' : 'rows'}</summary>${rowsOf(block, rest)}</details>`
  }${left(table)}${below}${
    defined.length > 0 &&
    html`<details class="defines"><summary>Definitions</summary><dl class="definitions">${defined.map(
      (column) => html`<dt>${column.label}</dt><dd>${prose(column.definition ?? '')}</dd>`,
    )}</dl></details>`
  }</section>`;
}

const rowCount = ({ rows }: Table) => `${formatInteger(rows.length)} ${rows.length === 1 ? 'row' : 'rows'}`;

const left = ({ rows }: Table): Html | false =>
  rows.length > MOST_ROWS &&
  html`<p class="source">The first ${formatInteger(MOST_ROWS)} of ${formatInteger(rows.length)} rows; the CSV has all.</p>`;
