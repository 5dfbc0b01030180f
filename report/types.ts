import type { Table } from '../store/table.ts';
import type { Html } from './html.ts';
import type { ReportPoint } from './run.ts';

/** What a section of the report is made of. Sections build these; `page.ts` lays them out; `write.ts` saves their data. */
export type Block = FigureBlock | TableBlock | TextBlock | NoteBlock;

export interface FigureBlock {
  type: 'figure';
  id: string;
  title: string;
  /** What the axes are, what the bars are, n, and how it was computed. */
  caption: string;
  /** A Vega-Lite specification with its data inline: also saved beside the report. */
  spec: Record<string, unknown>;
  /** The points whose results are drawn. */
  from?: readonly ReportPoint[];
}

export interface TableBlock {
  type: 'table';
  table: Table;
  /** Shows the first rows and folds the rest. */
  fold?: number;
  /** Folds the whole table away behind its title. */
  closed?: boolean;
  /** The points that the numbers are of, where not every value is traced by itself. */
  from?: readonly ReportPoint[];
  /** What links point at: the anchor of a row. */
  anchor?: (row: Table['rows'][number]) => string;
}

export interface TextBlock {
  type: 'text';
  body: Html;
}

/** A remark that must not be missed: a missing control, a failed point, labels that no language model wrote. */
export interface NoteBlock {
  type: 'note';
  tone: 'caution' | 'failure' | 'info';
  body: string;
}

export interface Section {
  id: string;
  title: string;
  /** What this part asks, in one or two sentences. */
  question: string;
  blocks: Block[];
}
