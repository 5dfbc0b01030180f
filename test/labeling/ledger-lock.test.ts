import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockLedger } from '../../labeling/ledger-lock.ts';
import { thisProcess } from '../../store/process-identity.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plumb-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const file = () => join(directory, 'ledger.jsonl');
const lockOf = (owner: unknown) => writeFileSync(`${file()}.lock`, JSON.stringify(owner));

test('a lock is held until it is given back', () => {
  const unlock = lockLedger(file());
  expect(() => lockLedger(file())).toThrow(/Another attempt/);
  unlock();
  expect(existsSync(`${file()}.lock`)).toBe(false);
  lockLedger(file())();
});

test('a process that has died, and one whose PID another has now, hold nothing', () => {
  lockOf({ ...thisProcess(), pid: 2 ** 22 + 1 });
  lockLedger(file())();
  lockOf({ ...thisProcess(), started: '1' });
  lockLedger(file())();
});

test('one of another host or boot holds it as long as it shows life', () => {
  const stranger = { ...thisProcess(), host: 'another-host' };
  lockOf(stranger);
  expect(() => lockLedger(file())).toThrow(/Another attempt/);
  const before = new Date(Date.now() - 3 * 60_000);
  utimesSync(`${file()}.lock`, before, before);
  lockLedger(file())();
});
