import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PointOutcome, PointRequest } from '../../activities/types.ts';
import { attemptsAt, beginAttempt, newestAttempt } from '../../store/checkpoints.ts';
import { sha256 } from '../../store/digest.ts';
import { openStore } from '../../store/open.ts';
import { acceptResult, lookUpResult } from '../../store/results.ts';
import type { PointRecord, Store } from '../../store/types.ts';
import { recompute } from '../../worker/recompute.ts';

const KEY = sha256('point');
let directory: string;
let store: Store;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plumbline-recompute-'));
  store = openStore(directory);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const record = (value: number): PointRecord => ({
  key: KEY,
  kind: 'test.work',
  kindVersion: 1,
  params: {},
  seed: 0,
  run: { id: 'run', experiment: 'e', step: 'a', point: 'a' },
  environment: {},
  usage: { peakMemoryBytes: 1e6, cpuSeconds: 1 },
  startedAt: '2026-01-01T00:00:00Z',
  finishedAt: '2026-01-01T00:00:01Z',
  seconds: 1,
  attempts: 1,
  dollars: 0,
  outputs: { value },
  metrics: { loss: { value: 0.5 } },
});

const request = (generation: string, replace: boolean): PointRequest =>
  ({ point: { id: 'a', key: KEY }, recompute: { generation, replace } }) as PointRequest;

/** What an activity does: a result that is there is taken, else `value` is accepted. */
const activity =
  (value: number, computed: number[] = []) =>
  async (apart: Store): Promise<PointOutcome> => {
    const before = await lookUpResult(apart, KEY);
    if (before.state !== 'accepted') computed.push(value);
    const { record: winner } = await acceptResult(apart, record(value));
    const { key, seconds, dollars, outputs, metrics } = winner;
    return { status: 'accepted', key, cached: false, seconds, dollars, outputs, metrics };
  };

const standing = async () => {
  const found = await lookUpResult(store, KEY);
  return found.state === 'accepted' ? found.record.outputs['value'] : found.state;
};

test('a point with a result is computed all the same, and an equal result says nothing', async () => {
  await acceptResult(store, record(1));
  const computed: number[] = [];
  const outcome = await recompute(store, request('g1', false), activity(1, computed));
  expect(computed).toEqual([1]);
  expect(outcome).toMatchObject({ status: 'accepted', cached: false, outputs: { value: 1 } });
  expect(outcome).not.toHaveProperty('different');
});

test('a different result is reported, and the first one stands', async () => {
  await acceptResult(store, record(1));
  const outcome = await recompute(store, request('g1', false), activity(2));
  expect(outcome).toMatchObject({ outputs: { value: 1 }, different: ['value'] });
  expect(await standing()).toBe(1);
});

test('with replace the new result stands, and the old one is kept aside', async () => {
  await acceptResult(store, record(1));
  const outcome = await recompute(store, request('g1', true), activity(2));
  expect(outcome).toMatchObject({ outputs: { value: 2 }, different: ['value'] });
  expect(await standing()).toBe(2);
  expect(await store.readDocument(`replaced/g1/${KEY}`)).toMatchObject({ outputs: { value: 1 } });
});

test('the same act of recomputing, begun again, does not compute twice; another one does', async () => {
  await acceptResult(store, record(1));
  const computed: number[] = [];
  await recompute(store, request('g1', false), activity(2, computed));
  await recompute(store, request('g1', false), activity(3, computed));
  expect(computed).toEqual([2]);
  await recompute(store, request('g2', false), activity(4, computed));
  expect(computed).toEqual([2, 4]);
});

test('a point without a result gets one', async () => {
  const outcome = await recompute(store, request('g1', false), activity(5));
  expect(outcome).toMatchObject({ outputs: { value: 5 }, cached: false });
  expect(await standing()).toBe(5);
});

test('its checkpoints lie apart from those of the usual computation', async () => {
  await beginAttempt(store, KEY, 'usual', await newestAttempt(store, KEY));
  await recompute(store, request('g1', false), async (apart) => {
    expect(await attemptsAt(apart, KEY)).toEqual([]);
    await beginAttempt(apart, KEY, 'again', await newestAttempt(apart, KEY));
    expect((await attemptsAt(apart, KEY)).map(({ execution }) => execution)).toEqual(['again']);
    return await activity(1)(apart);
  });
  expect((await attemptsAt(store, KEY)).map(({ execution }) => execution)).toEqual(['usual']);
});
