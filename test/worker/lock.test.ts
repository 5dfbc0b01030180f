import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostIdentity } from '../../store/process-identity.ts';
import { withLock } from '../../worker/embedded/lock.ts';
import { endProcess, findProcesses, isAlive } from '../../worker/embedded/processes.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plumbline-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('one at a time', async () => {
  const path = join(directory, 'lock');
  let inside = 0;
  let most = 0;
  const work = () =>
    withLock(path, async () => {
      inside += 1;
      most = Math.max(most, inside);
      await pause(20);
      inside -= 1;
    });
  await Promise.all([work(), work(), work()]);
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('the lock of a process that was killed is taken over', async () => {
  const path = join(directory, 'lock');
  const child = spawn(process.execPath, ['-e', '']);
  const { pid } = child;
  await new Promise((resolve) => child.once('exit', resolve));
  writeFileSync(path, JSON.stringify({ host: hostIdentity(), pid, started: '1' }));
  expect(await withLock(path, async () => 'taken')).toBe('taken');
});

test('a lock is released when the work fails', async () => {
  const path = join(directory, 'lock');
  await expect(
    withLock(path, async () => {
      throw new Error('failed');
    }),
  ).rejects.toThrow('failed');
  expect(await withLock(path, async () => 'free')).toBe('free');
});

test('a process is found by its command line, and ended even if it does not listen', async () => {
  const mark = join(directory, 'mark');
  const deaf =
    "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000); console.log('ready')";
  const child = spawn(process.execPath, ['-e', deaf, '--', mark], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const found = findProcesses((args) => args.includes(mark));
  expect(found.map(({ pid }) => pid)).toEqual([child.pid]);
  await endProcess(child.pid!, 0.2);
  expect(isAlive(child.pid!)).toBe(false);
  expect(findProcesses((args) => args.includes(mark))).toEqual([]);
});
