import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ComputeError } from '../../ml/failure.ts';
import type { TextFormat } from './types.ts';
import { unzstd } from './zstd.ts';

/** A block of zstd may hold many times its size: it is fed in small pieces, so that little is in memory at once. */
const ZSTD_CHUNK = 16 * 1024;

/** The bytes of a file, unpacked when they begin as gzip or zstd do, whatever its name. */
export async function openBytes(path: string): Promise<Readable> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new ComputeError('bad-data', `${path} cannot be opened: ${error.code ?? error.message}`, {
      hint: 'The file must be there on the machine of the worker.',
    });
  });
  const head = Buffer.alloc(4);
  try {
    await handle.read(head, 0, 4, 0);
  } finally {
    await handle.close();
  }
  if (head.readUInt32LE(0) === 0xfd2fb528) {
    return Readable.from(unzstd(createReadStream(path, { highWaterMark: ZSTD_CHUNK })), {
      objectMode: false,
    });
  }
  const bytes = createReadStream(path);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return bytes;
  const unzipped = createGunzip();
  bytes.on('error', (error) => unzipped.destroy(error));
  return bytes.pipe(unzipped);
}

/** The format that a file's name tells. */
export function formatOf(path: string): TextFormat {
  const name = path.toLowerCase().replace(/\.(gz|zst|zstd)$/, '');
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl';
  if (name.endsWith('.csv')) return 'csv';
  if (/\.(txt|text)$/.test(name)) return 'text';
  if (name.endsWith('.parquet')) return 'parquet';
  throw new ComputeError('bad-parameter', `The format of ${path} cannot be told from its name`, {
    hint: 'Set `format` to jsonl, csv, parquet or text.',
  });
}
