import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { logFile } from '../../activities/log.ts';
import { putArtifact } from '../../store/artifacts.ts';
import { fingerprintPath } from '../../store/fingerprint.ts';
import { lookUpResult } from '../../store/results.ts';
import type { PointRecord } from '../../store/types.ts';
import { temporaryDirectory } from '../compute/build.ts';
import { accepted, createWorld, failureOf, request, stepsOf, type World } from './world.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

const blobOf = (sha256: string) => join(world.store.location, 'blobs', sha256.slice(0, 2), sha256);

describe('a point', () => {
  test('is computed, stored and accepted with what it was made from', async () => {
    const asked = request('test.walk', { steps: 25 });
    const outcome = await accepted(world.call(asked));
    expect(outcome).toMatchObject({
      key: asked.point.key,
      cached: false,
      dollars: 0.25,
      outputs: { steps: 25, table: { $artifact: 'table', digest: expect.any(String), from: 'step[seed=7]' } },
      metrics: { average: { value: expect.any(Number) } },
    });
    const record = await world.store.readDocument<PointRecord>(`results/${asked.point.key}`);
    expect(record).toMatchObject({
      key: asked.point.key,
      kind: 'test.walk',
      params: { steps: 25 },
      seed: 7,
      run: { id: 'run-1', step: 'step', point: 'step[seed=7]' },
      attempts: 1,
      environment: { node: process.version, threads: 1, plumbline: null },
    });
    expect(Date.parse(record?.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(record?.startedAt ?? ''));
  });

  test('leaves no checkpoint, scratch or ledger behind', async () => {
    const asked = request('test.walk', { steps: 25 });
    await accepted(world.call(asked));
    expect(await world.store.listDocuments('checkpoints/')).toEqual([]);
    expect(
      existsSync(join(world.store.location, 'disposable', 'checkpoints', asked.point.key, '00000001')),
    ).toBe(false);
    expect(existsSync(join(world.directory, 'points', asked.point.key))).toBe(false);
  });

  test('that has a result is not computed again', async () => {
    const trace = join(world.directory, 'trace');
    const asked = request('test.walk', { steps: 5, trace });
    const first = await accepted(world.call(asked));
    const second = await accepted(world.call(asked));
    expect(second).toEqual({ ...first, cached: true });
    expect(stepsOf(trace)).toHaveLength(5);
  });

  test('whose earlier attempt was accepted but never heard of does not count as cached', async () => {
    const asked = request('test.walk', { steps: 5 });
    await accepted(world.call(asked));
    expect((await accepted(world.call(asked, { attempt: 2 }))).cached).toBe(false);
  });

  test.each<[string, (path: string) => void]>([
    [
      'a changed byte',
      (path) =>
        writeFileSync(
          path,
          readFileSync(path).map((b, i) => (i === 9 ? b ^ 1 : b)),
        ),
    ],
    ['fewer bytes', (path) => writeFileSync(path, readFileSync(path).subarray(0, 100))],
    ['no file', (path) => rmSync(path)],
  ])('runs again when its artifact has %s, and mends the store', async (_what, damage) => {
    const trace = join(world.directory, 'trace');
    const asked = request('test.walk', { steps: 5, trace });
    const first = await accepted(world.call(asked));
    const manifest = await world.store.readDocument<{ files: Record<string, { sha256: string }> }>(
      `artifacts/${(first.outputs.table as { digest: string }).digest}`,
    );
    const blob = blobOf(manifest?.files['state.bin']?.sha256 as string);
    chmodSync(blob, 0o644);
    damage(blob);
    expect((await lookUpResult(world.store, asked.point.key)).state).toBe('invalid');
    const second = await accepted(world.call(asked));
    expect(second.cached).toBe(false);
    expect(second.outputs).toEqual(first.outputs);
    expect(stepsOf(trace)).toHaveLength(10);
    expect((await lookUpResult(world.store, asked.point.key)).state).toBe('accepted');
  });

  test('keeps the log of its attempts', async () => {
    const asked = request('test.act', { act: 'print' });
    await accepted(world.call(asked));
    const log = readFileSync(logFile(world.directory, 'run-1', asked.point.id), 'utf8');
    expect(log).toMatch(/attempt 1 at step\[seed=7\] \(test\.act\)/);
    expect(log).toMatch(/ to stderr\n/);
    expect(log).toMatch(/accepted after/);
  });
});

describe('inputs', () => {
  async function table(text: string) {
    const directory = temporaryDirectory('input');
    writeFileSync(join(directory, 'state.json'), text);
    return putArtifact(world.store, 'table', directory, { from: 'maker' });
  }

  test('are given as directories of files', async () => {
    const outcome = await accepted(world.call(request('test.read', { table: await table('hello') })));
    expect(outcome.outputs).toMatchObject({ text: 'hello', given: 'by default' });
  });

  test('that are gone fail with the name of the step that made them', async () => {
    const ref = await table('hello');
    const manifest = await world.store.readDocument<{ files: Record<string, { sha256: string }> }>(
      `artifacts/${ref.digest}`,
    );
    const blob = blobOf(manifest?.files['state.json']?.sha256 as string);
    chmodSync(blob, 0o644);
    writeFileSync(blob, 'jello');
    const failure = await failureOf(world.call(request('test.read', { table: ref })));
    expect(failure.type).toBe('artifact-corrupt');
    expect(failure.nonRetryable).toBe(true);
    expect(failure.details?.[0]).toMatchObject({ hint: expect.stringContaining('maker') });
  });

  test('that are local files must be what they were', async () => {
    const path = join(temporaryDirectory('local'), 'reviews.txt');
    writeFileSync(path, 'good film');
    const file = { $path: path, sha256: await fingerprintPath(path) };
    await accepted(world.call(request('test.act', { act: 'nothing', file })));
    writeFileSync(path, 'bad film');
    const failure = await failureOf(world.call(request('test.act', { act: 'nothing', more: 1, file })));
    expect(failure).toMatchObject({ type: 'path-changed', nonRetryable: true });
    expect(failure.message).toContain('`file`');
  });

  test('of a report are all points of the run, with the directories that it asked for', async () => {
    const walk = request('test.walk', { steps: 3 });
    await accepted(world.call(walk));
    await world.store.writeDocument('runs/run-1/plan', { name: 'the plan' });
    const common = { kind: 'test.walk', axes: {}, seed: 7 };
    const report = request(
      'test.read',
      {},
      {
        readsRun: {
          artifacts: ['table'],
          planDocument: 'runs/run-1/plan',
          points: [
            { ...common, step: 'a', id: 'a', status: 'accepted', key: walk.point.key },
            {
              ...common,
              step: 'b',
              id: 'b',
              status: 'failed',
              key: null,
              error: { code: 'nan-loss', message: 'x' },
            },
          ],
        },
      },
    );
    const outcome = await accepted(world.call(report));
    expect(outcome.outputs.view).toEqual({
      plan: { name: 'the plan' },
      points: [
        {
          ...common,
          step: 'a',
          id: 'a',
          status: 'accepted',
          record: walk.point.key,
          directories: { table: ['state.bin', 'state.json'] },
        },
        {
          ...common,
          step: 'b',
          id: 'b',
          status: 'failed',
          record: null,
          directories: {},
          error: { code: 'nan-loss', message: 'x' },
        },
      ],
    });
  });

  test('of a report that were lost are named', async () => {
    await world.store.writeDocument('runs/run-1/plan', {});
    const lost = {
      step: 'a',
      id: 'a[l=1]',
      kind: 'test.walk',
      axes: {},
      seed: 7,
      status: 'accepted',
      key: 'ab'.repeat(32),
    } as const;
    const report = request(
      'test.read',
      {},
      { readsRun: { artifacts: [], planDocument: 'runs/run-1/plan', points: [lost] } },
    );
    const failure = await failureOf(world.call(report));
    expect(failure).toMatchObject({ type: 'result-missing', nonRetryable: true });
    expect(failure.message).toContain('a[l=1]');
  });
});

describe('failures', () => {
  test('tell Temporal what they are, when to try again, and what to do', async () => {
    const failure = await failureOf(world.call(request('test.act', { act: 'compute-error' })));
    expect(failure).toMatchObject({
      type: 'rate-limited',
      message: 'slow down',
      nonRetryable: false,
      nextRetryDelay: 7000,
    });
    expect(failure.details?.[0]).toMatchObject({ code: 'rate-limited', hint: 'wait', point: 'step[seed=7]' });
  });

  test('quote the last lines of the log', async () => {
    const failure = await failureOf(world.call(request('test.act', { act: 'bug' })));
    const details = failure.details?.[0] as { lastLines: string[]; log: string };
    expect(failure).toMatchObject({ type: 'internal', nonRetryable: true });
    expect(details.lastLines.join('\n')).toMatch(/TypeError[\s\S]*act\.mjs/);
    expect(readFileSync(details.log, 'utf8')).toContain('TypeError');
  });

  test('parameters that the kind does not take never reach it', async () => {
    const failure = await failureOf(world.call(request('test.walk', { steps: -1 })));
    expect(failure).toMatchObject({ type: 'bad-parameter', nonRetryable: true });
    expect(failure.message).toBe('step[seed=7]: `steps`: must be at least 0');
    expect(failure.details?.[0]).toMatchObject({ hint: 'use 0' });
  });

  test('NaN names the metric and the step', async () => {
    const failure = await failureOf(world.call(request('test.act', { act: 'nan' })));
    expect(failure).toMatchObject({
      type: 'nan-loss',
      message: 'loss is NaN at step 4 of 10.',
      nonRetryable: true,
    });
  });

  test('a result that the kind does not declare is refused', async () => {
    const failure = await failureOf(world.call(request('test.act', { act: 'return-late' })));
    expect(failure).toMatchObject({ type: 'internal', nonRetryable: true });
    expect(failure.message).toMatch(/an output list, which it does not declare/);
  });

  test('a worker of another version does not compute, and another may', async () => {
    const failure = await failureOf(world.call(request('test.act', { act: 'nothing' }, { kindVersion: 2 })));
    expect(failure).toMatchObject({ type: 'version-mismatch', nonRetryable: false });
  });
});

describe('secrets', () => {
  const secret = 's3cret/value+with&signs';
  const deps = { secret: (name: string) => (name === 'TEST_TOKEN' ? secret : undefined) };
  const ask = (by: string, change = {}) =>
    world.call(request('test.secret', { by, 'api-key': { $secret: 'TEST_TOKEN' } }, change), { deps });
  const leaked = (text: string) => text.includes(secret) || text.includes(encodeURIComponent(secret));

  test('are blotted out of failures', async () => {
    const failure = await failureOf(ask('message'));
    expect(failure.message).toContain('401 for [secret TEST_TOKEN]');
    expect(leaked(JSON.stringify([failure.message, failure.details, failure.stack]))).toBe(false);
    expect(leaked(readFileSync(logFile(world.directory, 'run-1', 'step[seed=7]'), 'utf8'))).toBe(false);
  });

  test('are blotted out of logs', async () => {
    await accepted(ask('log'));
    const log = readFileSync(logFile(world.directory, 'run-1', 'step[seed=7]'), 'utf8');
    expect(log).toContain('Bearer [secret TEST_TOKEN]');
    expect(leaked(log)).toBe(false);
  });

  test('in a result keep it from being stored', async () => {
    expect(await failureOf(ask('output'))).toMatchObject({ type: 'secret-leak', nonRetryable: true });
    expect(await world.store.listDocuments('results/')).toEqual([]);
  });

  test('that the step does not name do not reach its process', async () => {
    const asked = request('test.secret', { by: 'state' });
    expect((await accepted(world.call(asked, { deps }))).outputs.text).toBe('true');
  });
});
