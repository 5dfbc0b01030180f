/** One row of a file of texts: its fields, or why it could not be read. */
export type Row = { place: string; fields: Record<string, unknown> } | { place: string; problem: string };

export type TextFormat = 'jsonl' | 'csv' | 'text' | 'parquet';
