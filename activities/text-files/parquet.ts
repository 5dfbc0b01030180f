import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import {
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import type { Row } from './types.ts';

/** hyparquet brings snappy itself. */
const COMPRESSORS: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
};

/**
 * The rows of a Parquet file, one row group in memory at a time, and of it only the `columns` that it has.
 * Places are `path:row`, from 1.
 */
export async function* parquetRows(
  path: string,
  columns: readonly string[] | undefined,
): AsyncGenerator<Row> {
  const file = await asyncBufferFromFile(path);
  const metadata: FileMetaData = await parquetMetadataAsync(file);
  const there = parquetSchema(metadata).children.map((child) => child.element.name);
  const wanted = columns?.filter((name) => there.includes(name)) ?? there;
  let row = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = row + Number(num_rows);
    const records =
      wanted.length === 0
        ? Array.from({ length: rowEnd - row }, () => ({}))
        : await parquetReadObjects({
            ...{ file, metadata, columns: wanted, rowStart: row, rowEnd, compressors: COMPRESSORS },
          });
    for (const record of records) yield { place: `${path}:${++row}`, fields: plain(record) };
  }
}

/** Whole numbers of 64 bits as numbers, as JSON would have them. */
function plain(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}
