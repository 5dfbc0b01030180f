import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Attempt, attemptsAt, beginAttempt, newestAttempt } from '../../store/checkpoints.ts';
import { openStore } from '../../store/open.ts';
import type { Store } from '../../store/types.ts';

const KEY = 'a'.repeat(64);
let directory: string;
let store: Store;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'checkpoints-'));
  store = openStore(join(directory, 'store'));
});

async function begin(): Promise<Attempt> {
  return (await beginAttempt(store, KEY, 'activity', await newestAttempt(store, KEY))) as Attempt;
}

async function save(attempt: Attempt, step: number, keep?: number): Promise<void> {
  const from = join(directory, `state-${step}`);
  mkdirSync(from);
  writeFileSync(join(from, 'state.json'), String(step));
  writeFileSync(join(from, 'constant'), 'the same in every checkpoint');
  await attempt.promote(step, from, step / 10, keep);
}

async function resumed(attempt: Attempt): Promise<[step: number, seconds: number] | null> {
  const found = await attempt.resume(join(directory, 'resume'), () => undefined);
  if (found === null) return null;
  expect(readFileSync(join(found.directory, 'state.json'), 'utf8')).toBe(String(found.step));
  expect(readdirSync(found.directory).sort()).toEqual(['constant', 'state.json']);
  return [found.step, found.seconds];
}

/** Loses the state of a checkpoint, as a bad disk would. */
async function lose(step: number): Promise<void> {
  for (const record of await attemptsAt(store, KEY)) {
    const all = [record.checkpoint, ...(record.older ?? []).map(({ checkpoint }) => checkpoint)];
    const sha256 = all.find((checkpoint) => checkpoint?.step === step)?.files['state.json']?.sha256;
    const name = `checkpoints/${KEY}/${String(record.attempt).padStart(8, '0')}`;
    if (sha256) await store.disposable(name).deleteBlob(sha256);
  }
}

const blobs = () =>
  readdirSync(join(directory, 'store', 'disposable'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  ).length;

describe('checkpoints of an attempt', () => {
  test('by default only the newest is kept', async () => {
    const attempt = await begin();
    for (const step of [10, 20, 30]) await save(attempt, step);
    expect(blobs()).toBe(2);
    expect(await resumed(attempt)).toEqual([30, 3]);
    await lose(30);
    expect(await resumed(attempt)).toBeNull();
  });

  test('what lies below files/ belongs to all later checkpoints of the attempt, though handed over once', async () => {
    const put = async (attempt: Attempt, step: number, names: string[]) => {
      const from = join(directory, `state-${step}`);
      mkdirSync(join(from, 'files'), { recursive: true });
      writeFileSync(join(from, 'state.json'), String(step));
      for (const name of names) writeFileSync(join(from, 'files', name), `shard ${name}`);
      await attempt.promote(step, from, step);
    };
    const attempt = await begin();
    await put(attempt, 10, ['a', 'b']);
    await put(attempt, 20, ['c']);
    await put(attempt, 30, []);
    expect(blobs()).toBe(4);
    // Another attempt, on another machine say, finds them all, and hands them over anew: the first one's go with it.
    const next = await begin();
    const found = await next.resume(join(directory, 'resume'), () => undefined);
    expect(found?.step).toBe(30);
    expect(readdirSync(join(found!.directory, 'files')).sort()).toEqual(['a', 'b', 'c']);
    expect(readFileSync(join(found!.directory, 'files', 'b'), 'utf8')).toBe('shard b');
    await put(next, 40, ['a', 'b', 'c', 'd']);
    expect(blobs()).toBe(5);
  });

  test('with `keep` an older one stands in for one that cannot be read, and no more are kept', async () => {
    const attempt = await begin();
    for (const step of [10, 20, 30, 40]) await save(attempt, step, 3);
    expect(blobs()).toBe(4);
    for (const [lost, left] of [
      [40, 30],
      [30, 20],
    ] as const) {
      await lose(lost);
      expect(await resumed(attempt)).toEqual([left, left / 10]);
    }
    await lose(20);
    expect(await resumed(attempt)).toBeNull();
  });

  test('an earlier attempt keeps its own until the new one has as many', async () => {
    const first = await begin();
    for (const step of [10, 20]) await save(first, step, 2);
    await first.end('ended');
    const second = await begin();
    await save(second, 30, 2);
    await lose(30);
    expect(await resumed(second)).toEqual([20, 2]);
    expect(await attemptsAt(store, KEY)).toHaveLength(2);
    await save(second, 40, 2);
    expect(await attemptsAt(store, KEY)).toHaveLength(1);
    expect(await resumed(second)).toEqual([40, 4]);
  });
});
