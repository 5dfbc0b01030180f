import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A disk of so many bytes, which can be filled. */
export class SmallDisk {
  private constructor(readonly directory: string) {}

  /** null: this user may mount none. */
  static mount(directory: string, bytes: number): SmallDisk | null {
    mkdirSync(directory, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], { stdio: 'ignore' });
      return new SmallDisk(directory);
    } catch {
      return null;
    }
  }

  /** To the last block. */
  fill(): void {
    const file = openSync(this.filler, 'w');
    try {
      for (const block of [Buffer.alloc(1 << 20), Buffer.alloc(4096)]) for (;;) writeSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.filler, { force: true });
  }

  unmount(): void {
    // What still has a file open there lets go when it ends.
    execFileSync('umount', ['--lazy', this.directory]);
  }

  private get filler(): string {
    return join(this.directory, 'filler');
  }
}
