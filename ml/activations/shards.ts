import { createHash } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSafetensors, type WritableTensor } from '../models/safetensors.ts';
import type { Place, ShardIndex, StoredDtype } from './types.ts';

/** The names and sizes of shards, and how one is written. */

const BYTES: Record<StoredDtype, number> = { f32: 4, f16: 2 };
/** Rows of a shard of origins: 12 MiB. */
export const ORIGINS_PER_SHARD = 2 ** 20;

/** Rows of a shard of activations of at most so many bytes. */
export const rowsPerShard = (bytes: number, width: number, dtype: StoredDtype): number =>
  Math.max(1, Math.floor(bytes / (BYTES[dtype] * width)));

const numbered = (name: string, shard: number) => `${name}-${String(shard).padStart(4, '0')}.safetensors`;

export const activationsFile = ({ site, layer }: Place, shard: number): string =>
  numbered(`${site}-${layer}`, shard);

export const originsFile = (shard: number): string => numbered('rows', shard);

/** Writes a shard under another name first, so that one which has its name is whole. */
export function writeShard(
  directory: string,
  file: string,
  rows: number,
  tensors: Record<string, WritableTensor>,
): ShardIndex {
  const bytes = encodeSafetensors(tensors);
  writeFileSync(join(directory, `${file}.partial`), bytes);
  renameSync(join(directory, `${file}.partial`), join(directory, file));
  return { file, rows, sha256: createHash('sha256').update(bytes).digest('hex') };
}
