import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Seat, Streams } from '../../activities/streams.ts';
import type { PointRequest } from '../../activities/types.ts';
import type { KindDefinition } from '../../compiler/kinds/types.ts';
import type { ChildOutcome, SuperviseOptions } from '../../compute/supervise.ts';
import { request } from './world.ts';

/** What would have been started, instead of processes. */
const started = vi.hoisted(() => [] as { points: string[]; end: (i: number, outcome: unknown) => void }[]);

vi.mock('../../compute/supervise.ts', () => {
  const group = (_process: unknown, members: SuperviseOptions[]): Promise<ChildOutcome>[] => {
    const ends: ((outcome: unknown) => void)[] = [];
    const outcomes = members.map(
      () =>
        new Promise<ChildOutcome>((resolve, reject) => {
          ends.push((outcome) =>
            outcome instanceof Error ? reject(outcome) : resolve(outcome as ChildOutcome),
          );
        }),
    );
    started.push({ points: members.map(({ job }) => job.point), end: (i, outcome) => ends[i]?.(outcome) });
    return outcomes;
  };
  return {
    superviseGroup: group,
    superviseChild: (options: SuperviseOptions) => group(null, [options])[0],
  };
});

const RESULT = { type: 'result', result: {}, environment: {}, usage: { peakMemoryBytes: 1, cpuSeconds: 1 } };
const GIB = 2 ** 30;
const kinds = new Map([
  [
    'test.walk',
    {
      estimate: ({ bytes }: { bytes?: unknown }) => ({
        steps: 0,
        seconds: 0,
        dollars: 0,
        memoryBytes: Number(bytes ?? 2 * GIB),
      }),
      stream: { by: ['data'], sharedBytes: GIB },
    } as Pick<KindDefinition, 'estimate' | 'stream'>,
  ],
]);

let streams: Streams;
beforeEach(() => {
  started.length = 0;
  streams = new Streams({ directory: '/tmp/plumbline-streams-test', memoryBytes: 20 * GIB, kinds });
  streams.limit('gpu', 1);
});
afterEach(() => vi.useRealTimers());

interface Arriving {
  stream?: PointRequest['stream'];
  bytes?: number;
  attempt?: number;
  heartbeatDetails?: unknown;
  queue?: string;
  secrets?: string[];
}

function enter(id: string, options: Arriving = {}): { seat: Seat; compute(): Promise<ChildOutcome> } {
  const { stream, bytes, attempt = 1, heartbeatDetails, queue = 'gpu', secrets = [] } = options;
  const asked = request('test.walk', bytes === undefined ? {} : { bytes }, {
    secrets,
    ...(stream && { stream }),
  });
  const seat = streams.enter(asked, { taskQueue: queue, attempt, heartbeatDetails });
  return {
    seat,
    compute() {
      const options = {
        job: { point: id },
        environment: {},
        entry: 'child.js',
        onLog: () => undefined,
      } as unknown as SuperviseOptions;
      const outcome = seat.compute(options);
      outcome.catch(() => undefined);
      return outcome;
    },
  };
}

const three = { key: 'a', points: 3 };
const busy = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error instanceof ApplicationFailure && error.type === 'worker-busy' && error.nonRetryable === true;
  }
  return false;
};

test('points of one stream start together when all that are on their way are there', async () => {
  expect(streams.room('gpu')).toBe(1);
  const a = enter('a', { stream: three });
  expect(streams.room('gpu')).toBe(3);
  a.compute();
  const b = enter('b', { stream: three });
  const c = enter('c', { stream: three });
  b.compute();
  await sleep(20);
  expect(started).toEqual([]);
  c.compute();
  await vi.waitFor(() => expect(started.map(({ points }) => points)).toEqual([['a', 'b', 'c']]));
  expect(streams.room('gpu')).toBe(3);
});

test('slots are given back one by one, and the next group begins when the last has left', async () => {
  const [a, b] = [
    enter('a', { stream: { key: 'a', points: 2 } }),
    enter('b', { stream: { key: 'a', points: 2 } }),
  ];
  const outcomes = [a.compute(), b.compute()];
  await vi.waitFor(() => expect(started).toHaveLength(1));
  expect(streams.room('gpu')).toBe(2);
  started[0]?.end(0, RESULT);
  expect(await outcomes[0]).toMatchObject({ type: 'result', usage: { points: 2 } });
  a.seat.leave();
  expect(streams.room('gpu')).toBe(1);
  expect(busy(() => enter('c', { stream: { key: 'c', points: 1 } }))).toBe(true);
  b.seat.leave();
  expect(busy(() => enter('c'))).toBe(false);
});

test('a point that comes in the place of another is sent back, and after a few the group waits no more', () => {
  enter('a', { stream: three });
  for (let i = 0; i < 3; i++)
    expect(busy(() => enter('stranger', { stream: { key: 'z', points: 5 } }))).toBe(true);
  expect(streams.room('gpu')).toBe(1);
  expect(busy(() => enter('b', { stream: three }))).toBe(true);
});

test('it does not wait long for those that do not come, and longer after a failure', async () => {
  vi.useFakeTimers();
  enter('a', { stream: three }).compute();
  await vi.advanceTimersByTimeAsync(900);
  const b = enter('b', { stream: three });
  b.compute();
  await vi.advanceTimersByTimeAsync(900);
  expect(started).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(busy(() => enter('late', { stream: three }))).toBe(true);
  streams.limit('again', 1);
  enter('x', { stream: three, attempt: 2, queue: 'again' });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(streams.room('again')).toBe(3);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(streams.room('again')).toBe(1);
  vi.useRealTimers();
  await vi.waitFor(() => expect(started.map(({ points }) => points)).toEqual([['a', 'b']]));
});

test('one that has its result already is not waited for', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => enter(id, { stream: three }));
  a?.compute();
  b?.compute();
  c?.seat.leave();
  await vi.waitFor(() => expect(started.map(({ points }) => points)).toEqual([['a', 'b']]));
});

test('one that is not ready for long is sent back when the others have left without it', async () => {
  vi.useFakeTimers();
  const [a, b] = ['a', 'b'].map((id) => enter(id, { stream: { key: 'a', points: 2 } }));
  a?.compute();
  await vi.advanceTimersByTimeAsync(61_000);
  vi.useRealTimers();
  await vi.waitFor(() => expect(started.map(({ points }) => points)).toEqual([['a']]));
  await expect(b?.compute()).rejects.toMatchObject({ type: 'worker-busy' });
});

test('no more points than the memory is estimated to hold', () => {
  // 12 GiB for all: 2 for the first, and 5 for each further one of 6 that shares 1.
  const stream = { key: 'a', points: 10 };
  enter('a', { stream });
  expect(streams.room('gpu')).toBe(10);
  enter('b', { stream, bytes: 6 * GIB });
  enter('c', { stream, bytes: 6 * GIB });
  expect(busy(() => enter('d', { stream, bytes: 6 * GIB }))).toBe(true);
  streams.limit('other', 1);
  enter('e', { stream: { key: 'e', points: 10 }, bytes: 6 * GIB, queue: 'other' });
  expect(streams.room('other')).toBe(1 + 1);
});

test.each([
  ['whose process broke down', { heartbeatDetails: { alone: true } }],
  ['that may read secrets', { secrets: ['TOKEN'] }],
  ['of no stream', { stream: undefined }],
])('a point %s is alone, and starts at once', async (_what, options) => {
  const arriving = { stream: three, ...options } as Arriving;
  enter('a', arriving).compute();
  await vi.waitFor(() => expect(started.map(({ points }) => points)).toEqual([['a']]));
  expect(streams.room('gpu')).toBe(1);
});

describe('a failure of the process', () => {
  const fail = async (code: string) => {
    const { ComputeError } = await import('../../compute/types.ts');
    const outcomes = ['a', 'b'].map((id) => enter(id, { stream: { key: 'a', points: 2 } }).compute());
    await vi.waitFor(() => expect(started).toHaveLength(1));
    for (const i of [0, 1]) started[0]?.end(i, new ComputeError(code, 'gone', { retryable: false }));
    return await outcomes[1]?.catch((error) => error);
  };

  test.each(['out-of-memory', 'crashed', 'stalled'])(
    '(%s) is not held against a point: it is tried alone',
    async (code) => {
      const error = await fail(code);
      expect(error).toMatchObject({ code, options: { retryable: true } });
      expect(error.constructor.name).toBe('BroughtDownError');
    },
  );

  test.each(['nan-loss', 'lost-child'])('(%s) stays what it is', async (code) => {
    expect((await fail(code)).constructor.name).toBe('ComputeError');
  });
});

test('seconds are shared equally among those at work', async () => {
  const seats = ['a', 'b'].map((id) => enter(id, { stream: { key: 'a', points: 2 } }));
  const outcomes = seats.map((seat) => seat.compute());
  await vi.waitFor(() => expect(started).toHaveLength(1));
  await sleep(300);
  const shared = seats[0]?.seat.seconds() ?? 0;
  expect(shared).toBeGreaterThan(0.14);
  expect(shared).toBeLessThan(0.25);
  started[0]?.end(0, RESULT);
  await outcomes[0];
  await sleep(200);
  expect((seats[1]?.seat.seconds() ?? 0) - shared).toBeGreaterThan(0.19);
});
