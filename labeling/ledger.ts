import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ComputeError } from '../ml/failure.ts';

/**
 * What was spent, durably, so that a cap holds over retries and crashes: before a call its worst-case price is
 * reserved on disk, afterwards the reservation is settled at the real price. A reservation that a crash left unsettled
 * counts in full, since the call may have been billed.
 */
export interface Ledger {
  /** Dollars spent or reserved, this attempt and all earlier ones. */
  committed(): number;
  /** Throws ComputeError `spend-cap` when the cap would be passed; nothing is reserved then. */
  reserve(dollars: number): Reservation;
  close(): void;
}

export interface Reservation {
  settle(dollars: number): void;
}

type Entry = { reserve: string; dollars: number } | { settle: string; dollars: number };

function lock(file: string): () => void {
  const path = `${file}.lock`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(path, 'wx');
      writeSync(handle, String(process.pid));
      closeSync(handle);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(readFileSync(path, 'utf8'));
      if (alive(owner)) break;
      rmSync(path, { force: true });
    }
  }
  throw new ComputeError('ledger-busy', `Another attempt is still writing the cost ledger ${file}.`, {
    retryable: true,
    retryAfterSeconds: 5,
  });
}

function alive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function replay(file: string): Map<string, number> {
  const spent = new Map<string, number>();
  if (!existsSync(file)) return spent;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    let entry: Entry;
    try {
      entry = JSON.parse(line) as Entry;
    } catch {
      continue; // the torn last line of a crash: its call had not been sent yet
    }
    spent.set('reserve' in entry ? entry.reserve : entry.settle, entry.dollars);
  }
  return spent;
}

/**
 * Opens the ledger file, one writer at a time. `cap` in US dollars; null: no cap.
 * @param field the field of the file that the cap belongs to, for messages
 */
export function openLedger(file: string, cap: number | null, field = 'labeller'): Ledger {
  mkdirSync(dirname(file), { recursive: true });
  const unlock = lock(file);
  const spent = replay(file);
  if (existsSync(file)) appendFileSync(file, '\n'); // ends a torn line
  const handle = openSync(file, 'a');
  let total = [...spent.values()].reduce((sum, dollars) => sum + dollars, 0);
  let count = spent.size;
  const write = (entry: Entry) => {
    writeSync(handle, `${JSON.stringify(entry)}\n`);
    fsyncSync(handle);
  };
  return {
    committed: () => total,
    reserve(dollars) {
      if (cap !== null && total + dollars > cap) {
        throw new ComputeError(
          'spend-cap',
          `The next call could cost $${dollars.toFixed(4)}, and $${total.toFixed(4)} of the cap of $${cap} is spent or reserved.`,
          {
            hint: `Raise \`${field}.spend-cap\`, or ask for less. Replies so far are cached and will not be paid for again.`,
          },
        );
      }
      const id = `${process.pid}-${count++}`;
      write({ reserve: id, dollars });
      total += dollars;
      return {
        settle(actual) {
          write({ settle: id, dollars: actual });
          total += actual - dollars;
        },
      };
    },
    close() {
      closeSync(handle);
      unlock();
    },
  };
}
