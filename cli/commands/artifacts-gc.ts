import { type Amount, collectGarbage } from '../../store/collect.ts';
import { FRESH_MS } from '../../store/fresh.ts';
import { formatBytes } from '../doctor/finding.ts';
import { UserError } from '../errors.ts';
import { openStoreOnly } from '../session.ts';

export interface GcOptions {
  /** `36h` or `7d`. */
  olderThan: string;
  dryRun?: boolean;
  json?: boolean;
}

const HOUR_MS = 3600_000;

/** `plumb artifacts gc`: takes out of the store what nothing in it leads to. Runs may go on meanwhile. */
export async function collect({ olderThan, dryRun = false, json = false }: GcOptions): Promise<number> {
  const { store } = openStoreOnly();
  const done = await collectGarbage(store, { olderThanMs: millisecondsOf(olderThan), dryRun });
  if (json) {
    process.stdout.write(`${JSON.stringify(done, null, 2)}\n`);
    return 0;
  }
  const line = (what: string, { count, bytes }: Amount) => {
    if (count > 0) process.stdout.write(`${what.padEnd(22)} ${count}, ${formatBytes(bytes)}\n`);
  };
  line('kept', done.kept);
  line('put in quarantine', done.quarantined);
  line('came back', done.restored);
  line('deleted', done.deleted);
  line('checkpoints deleted', done.checkpoints);
  if (done.unfinished > 0) process.stdout.write(`${'unfinished writes'.padEnd(22)} ${done.unfinished}\n`);
  if (dryRun) process.stdout.write('Nothing was done: this is what a collection would do.\n');
  else if (done.quarantined.count > 0)
    process.stdout.write(
      `What is in quarantine comes back when something needs it, and is deleted by a collection after ${olderThan}.\n`,
    );
  return 0;
}

function millisecondsOf(text: string): number {
  const [, number, unit] = /^(\d+)([hd])$/.exec(text) ?? [];
  const milliseconds = Number(number) * HOUR_MS * (unit === 'd' ? 24 : 1);
  if (number !== undefined && milliseconds >= 2 * FRESH_MS) return milliseconds;
  throw new UserError(
    `--older-than ${text} cannot be used.`,
    'Give hours or days, 2h or more, which leaves what is being written alone: 36h, 7d.',
  );
}
