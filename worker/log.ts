import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { DefaultLogger, type Logger, type LogLevel } from '@temporalio/worker';

const ROTATE_BYTES = 20e6;

/** A logger that writes one line an entry to a file, the one before kept as `.1`. */
export function fileLogger(path: string, level: LogLevel = 'INFO'): Logger {
  const stream = open(path);
  return new DefaultLogger(level, ({ level, timestampNanos, message, meta }) => {
    const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    const rest = meta && Object.keys(meta).length > 0 ? ` ${metaJson(meta)}` : '';
    stream.write(`${time} ${level.padEnd(5)} ${message}${rest}\n`);
  });
}

function open(path: string): WriteStream {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  const stream = createWriteStream(path, { flags: 'a' });
  // A full disk must not end the worker: what it computes may still fit elsewhere.
  stream.on('error', () => undefined);
  return stream;
}

/** JSON of whatever an entry carries: errors by what they say, cycles left out. */
export function metaJson(meta: object): string {
  const seen = new WeakSet<object>();
  return JSON.stringify(meta, (_key, value: unknown) => {
    if (value instanceof Error) return { message: value.message, stack: value.stack };
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'object' && value !== null) {
      if (seen.has(value)) return undefined;
      seen.add(value);
    }
    return value;
  });
}
