import type { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { ComputeError } from '../../ml/failure.ts';
import { LONGEST_LINE, linesOf } from './lines.ts';
import { openBytes } from './open.ts';
import { parquetRows } from './parquet.ts';
import type { Row, TextFormat } from './types.ts';

/**
 * The rows of a file of texts, one at a time, in bounded memory. A row that cannot be read is a row with a problem; only
 * what breaks the whole file (it ends within a gzip block, a quote is never closed) ends the reading.
 * @param columns what is needed of a Parquet file; all when absent
 * @throws ComputeError bad-data
 */
export async function* readRows(
  path: string,
  format: TextFormat,
  columns?: readonly string[],
): AsyncGenerator<Row> {
  const bytes = await openBytes(path);
  // Parquet is read by itself: what is wrong with the stream meanwhile would have no one to tell. Others meet it as they read.
  bytes.on('error', () => undefined);
  try {
    if (format === 'parquet') yield* parquetRows(path, columns);
    else if (format === 'csv') yield* csvRows(bytes, path);
    else yield* lineRows(bytes, path, format);
  } catch (error) {
    if (error instanceof ComputeError) throw error;
    throw new ComputeError('bad-data', `${path} is damaged: ${(error as Error).message}`, {
      hint: 'Get the file again; it may be cut short.',
    });
  } finally {
    bytes.destroy();
  }
}

async function* lineRows(bytes: Readable, path: string, format: 'jsonl' | 'text'): AsyncGenerator<Row> {
  for await (const line of linesOf(bytes)) {
    const place = `${path}:${line.number}`;
    if ('problem' in line) yield { place, problem: line.problem };
    else if (line.text.trim() === '') continue;
    else if (format === 'text') yield { place, fields: { text: line.text } };
    else yield parseJson(line.text, place);
  }
}

function parseJson(text: string, place: string): Row {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { place, problem: `it is not JSON: ${(error as Error).message}` };
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return { place, problem: 'it is not a JSON object' };
  return { place, fields: value as Record<string, unknown> };
}

async function* csvRows(bytes: Readable, path: string): AsyncGenerator<Row> {
  const problems: Row[] = [];
  const parser = parse({
    columns: true,
    bom: true,
    info: true,
    skip_empty_lines: true,
    // A quote that is never closed would else take the rest of the file into memory.
    max_record_size: LONGEST_LINE,
    skip_records_with_error: true,
    on_skip: (error: CsvError | undefined) => {
      problems.push({
        place: `${path}:${String(error?.lines ?? '?')}`,
        problem: error?.message ?? 'it cannot be read',
      });
      return undefined;
    },
  });
  bytes.on('error', (error) => parser.destroy(error));
  bytes.pipe(parser);
  for await (const { record, info } of parser as AsyncIterable<{
    record: Record<string, unknown>;
    info: { lines: number };
  }>) {
    yield* problems.splice(0);
    yield { place: `${path}:${info.lines}`, fields: record };
  }
  yield* problems;
}
