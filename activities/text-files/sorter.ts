import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** In memory before anything is written, in UTF-16 units of all lines together. */
const BUFFERED = 16 * 2 ** 20;

/** Files: of a source of 10 GB each holds some 10 MB, and one at a time is read back. */
const BUCKETS = 1024;

interface Item {
  key: number;
  value: unknown;
}

/**
 * Gives rows back in the order of their keys, in bounded memory: bucket sort by the key's leading part over temporary
 * files, each sorted when its turn comes. Keys are spread evenly over [0, 1). Equal keys keep their order.
 */
export class Sorter {
  private readonly buckets: string[][] = Array.from({ length: BUCKETS }, () => []);
  private buffered = 0;

  constructor(private readonly directory: string) {}

  add(key: number, value: unknown): void {
    const line = JSON.stringify([key, value]);
    (this.buckets[Math.min(BUCKETS - 1, Math.floor(key * BUCKETS))] as string[]).push(line);
    this.buffered += line.length;
    if (this.buffered > BUFFERED) this.spill();
  }

  /** Every row, once; the files go as they are read. */
  *sorted<T>(): Generator<{ key: number; value: T }> {
    for (const [i, lines] of this.buckets.entries()) {
      const path = this.path(i);
      const spilled = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
      rmSync(path, { force: true });
      const items = [...spilled, ...lines].map((line): Item => {
        const [key, value] = JSON.parse(line) as [number, unknown];
        return { key, value };
      });
      lines.length = 0;
      items.sort((a, b) => a.key - b.key);
      yield* items as { key: number; value: T }[];
    }
  }

  private spill(): void {
    mkdirSync(this.directory, { recursive: true });
    for (const [i, lines] of this.buckets.entries()) {
      if (lines.length === 0) continue;
      appendFileSync(this.path(i), `${lines.join('\n')}\n`);
      lines.length = 0;
    }
    this.buffered = 0;
  }

  private path(bucket: number): string {
    return join(this.directory, `${bucket}.jsonl`);
  }
}
