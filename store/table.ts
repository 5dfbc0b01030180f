import type { Json } from './types.ts';

/** `table.json` of an artifact of type `table`: rows that the report can show without knowing which kind made them. */
export interface Table {
  /** Stable, kebab-case: the file name and anchor in the report. */
  id: string;
  title: string;
  /** What is shown, on what data, with which definitions: one short paragraph. */
  caption: string;
  columns: TableColumn[];
  rows: Record<string, Json>[];
}

export interface TableColumn {
  key: string;
  label: string;
  /** The exact definition of the quantity, shown under the table. */
  definition?: string;
  format?: 'text' | 'integer' | 'number' | 'percent' | 'p-value';
  /** Keys of the columns that hold this value's interval; they are shown beside the value, not as columns. */
  interval?: [low: string, high: string];
  /** Keys of the columns that say where this value comes from; they are shown on it, and it links to its point. */
  trace?: ValueTrace;
  /** Key of the column that holds the kind whose measure this cell names: it links to the definition. */
  measureOf?: string;
}

export interface ValueTrace {
  /** The point's id: `saes[layer=3]`. */
  point: string;
  definition?: string;
  n?: string;
  of?: string;
  /** Seeds of the points behind the value. */
  seed?: string;
  /** The key of the point's result. */
  key?: string;
}
