import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ComputeError } from '../ml/failure.ts';
import { lockLedger } from './ledger-lock.ts';

/**
 * What was spent, durably, so that a cap holds over retries and crashes: before a call its worst-case price is
 * reserved on disk, afterwards the reservation is settled at the real price. A reservation that a crash left unsettled
 * counts in full, since the call may have been billed.
 */
export interface Ledger {
  /** Dollars spent or reserved, this attempt and all earlier ones. */
  committed(): number;
  /** Dollars that can still be reserved. */
  room(): number;
  /**
   * @param id names a reservation that outlives the attempt: the same name again is the same money
   * @throws ComputeError `spend-cap` when the cap would be passed; nothing is reserved then
   */
  reserve(dollars: number, id?: string): Reservation;
  close(): void;
}

export interface Reservation {
  settle(dollars: number): void;
}

type Entry = { reserve: string; dollars: number } | { settle: string; dollars: number };

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
  const unlock = lockLedger(file);
  const spent = replay(file);
  if (existsSync(file)) appendFileSync(file, '\n'); // ends a torn line
  const handle = openSync(file, 'a');
  let total = [...spent.values()].reduce((sum, dollars) => sum + dollars, 0);
  let count = spent.size;
  const write = (entry: Entry) => {
    writeSync(handle, `${JSON.stringify(entry)}\n`);
    fsyncSync(handle);
  };
  const fresh = () => {
    let id = `${process.pid}-${count++}`;
    while (spent.has(id)) id = `${process.pid}-${count++}`;
    return id;
  };
  return {
    committed: () => total,
    room: () => (cap === null ? Number.POSITIVE_INFINITY : cap - total),
    reserve(dollars, id = fresh()) {
      if (!spent.has(id)) {
        if (cap !== null && total + dollars > cap) {
          throw new ComputeError(
            'spend-cap',
            `The next call could cost $${dollars.toFixed(4)}, and $${total.toFixed(4)} of the cap of $${cap} is spent or reserved.`,
            {
              hint: `Raise \`${field}.spend-cap\`, or ask for less. Replies so far are cached and will not be paid for again.`,
            },
          );
        }
        write({ reserve: id, dollars });
        spent.set(id, dollars);
        total += dollars;
      }
      return {
        settle(actual) {
          write({ settle: id, dollars: actual });
          total += actual - (spent.get(id) as number);
          spent.set(id, actual);
        },
      };
    },
    close() {
      closeSync(handle);
      unlock();
    },
  };
}
