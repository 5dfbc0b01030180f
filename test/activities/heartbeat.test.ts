import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Heartbeats } from '../../activities/heartbeat.ts';
import type { PointHeartbeat } from '../../activities/types.ts';
import { accepted, createWorld, failureOf, request, until, type World } from './world.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

describe('heartbeats of a point', () => {
  test('carry progress, metrics, rate and the last checkpoint, and stay small', async () => {
    const call = world.call(request('test.walk', { steps: 60, stepMs: 10 }));
    await accepted(call);
    const last = call.heartbeats.at(-1) as PointHeartbeat;
    expect(last).toMatchObject({
      done: 60,
      total: 60,
      checkpointStep: 50,
      metrics: { loss: expect.any(Number) },
    });
    expect(last.rate).toBeGreaterThan(0);
    expect(last.rate).toBeLessThanOrEqual(100);
    const done = call.heartbeats.map((heartbeat) => heartbeat.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(Math.max(...call.heartbeats.map((heartbeat) => JSON.stringify(heartbeat).length))).toBeLessThan(
      300,
    );
  });

  test('begin with what the attempt before had said', async () => {
    const previous = { done: 30, total: 60, metrics: { loss: 1 }, checkpointStep: 30, rate: 5 };
    const call = world.call(request('test.walk', { steps: 60 }), { attempt: 2, heartbeatDetails: previous });
    await accepted(call);
    expect(call.heartbeats[0]).toEqual({ ...previous, rate: 0 });
  });

  test('are repeated while a step takes long, and end with the stall', async () => {
    const call = world.call(request('test.act', { act: 'block' }, { stallSeconds: 1.5 }), {
      heartbeatTimeoutMs: 2000,
    });
    expect(await failureOf(call)).toMatchObject({ type: 'stalled', nonRetryable: false });
    const atProgress = call.heartbeats.filter(({ done }) => done === 1).length;
    expect(atProgress).toBeGreaterThanOrEqual(2);
    expect(atProgress).toBeLessThanOrEqual(6);
  });
});

describe('repeating', () => {
  test('ends when nothing real happens for the stall time, whatever it is that hangs', async () => {
    const sent: PointHeartbeat[] = [];
    const beats = new Heartbeats((details) => sent.push(details), {
      everyMs: 20,
      stallMs: 400,
      previous: null,
    });
    beats.progress(1, 10, { loss: 2 });
    await until(() => sent.length >= 5);
    await sleep(600);
    const atEnd = sent.length;
    await sleep(200);
    expect(sent.length).toBe(atEnd);
    beats.moved();
    await until(() => sent.length > atEnd + 2);
    beats.stop();
  });

  test('a second phase counts its rate anew', () => {
    const sent: PointHeartbeat[] = [];
    const beats = new Heartbeats((details) => sent.push(details), {
      everyMs: 1000,
      stallMs: 1000,
      previous: null,
    });
    beats.progress(0, 1000, {});
    beats.progress(1000, 1000, {});
    beats.progress(1, 10, {});
    expect(sent.at(-1)).toMatchObject({ done: 1, rate: 0 });
    beats.stop();
  });
});

test('logs of different points never share a file', async () => {
  const { logFile } = await import('../../activities/log.ts');
  const names = [
    'a/b',
    'a_b',
    'a:b',
    '..',
    '.',
    'x'.repeat(300),
    `${'x'.repeat(299)}y`,
    'saes[layer=3,l1=1e-3,seed=0]',
  ];
  const files = names.map((name) => logFile('/plumb', 'run', name));
  expect(new Set(files).size).toBe(names.length);
  for (const file of files) expect(file).toMatch(/^\/plumb\/logs\/run\/[^/]{1,200}\.log$/);
  expect(files.at(-1)).toBe(join('/plumb/logs/run', 'saes[layer=3,l1=1e-3,seed=0].log'));
});
