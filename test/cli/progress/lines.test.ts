import { expect, test } from 'vitest';
import { plainLines, type Seen } from '../../../cli/progress/plain.ts';
import type { ActivePoint, Snapshot, StepSnapshot } from '../../../cli/progress/snapshot.ts';
import { stageLines } from '../../../cli/progress/stages.ts';
import type { Decision } from '../../../workflows/types.ts';

const NONE = { computed: 0, cached: 0, failed: 0, blocked: 0, skipped: 0 };

function step(id: string, stage: string, more: Partial<StepSnapshot> = {}): StepSnapshot {
  return {
    step: id,
    kind: 'test.work',
    stage,
    status: 'running',
    total: 1,
    exact: true,
    counts: NONE,
    inFlight: 0,
    running: [],
    startedAt: 0,
    finishedAt: null,
    sweep: null,
    trainings: [],
    recent: [],
    active: [],
    ...more,
  };
}

const snapshot = (steps: StepSnapshot[], at = 60_000): Snapshot => ({
  at,
  status: 'RUNNING',
  paused: false,
  startedAt: 0,
  steps,
});

const active = (point: string, done = 30, total = 60): ActivePoint => ({
  point,
  attempt: 1,
  heartbeat: { done, total, metrics: { reward: 0.3142 }, checkpointStep: 10, rate: 1.5 },
  lastFailure: null,
});

const nothingSeen = (): Seen => ({ started: new Map(), decided: new Set(), spokenAt: 0 });

test('one line a stage: bar, counts, the running point with rate, metric and time left', () => {
  const lines = stageLines(
    snapshot([
      step('reviews', 'data', { status: 'done', counts: { ...NONE, cached: 1 }, finishedAt: 1000 }),
      step('base', 'fine-tune', { status: 'done', counts: { ...NONE, computed: 1 }, finishedAt: 20_000 }),
      step('tuned', 'fine-tune', { active: [active('tuned')], startedAt: 20_000 }),
      step('saes', 'dictionaries', { status: 'waiting', total: 4, exact: false, startedAt: null }),
    ]),
    200,
  );
  expect(lines).toEqual([
    'data         ████████████████████     1/1  done, all from the store',
    'fine-tune    ███████████████░░░░░     1/2  tuned 30/60 1.5/s reward 0.314  ~20 s left',
    'dictionaries ░░░░░░░░░░░░░░░░░░░░    0/≤4',
  ]);
});

test('failures and retries are seen, and a stage that waits for a worker says so', () => {
  const lines = stageLines(
    snapshot([
      step('saes', 'dictionaries', {
        total: 4,
        counts: { ...NONE, computed: 1, failed: 1, blocked: 1 },
        active: [{ ...active('saes[layer=3]', 0, 0), attempt: 3, heartbeat: null }],
      }),
      step('probes', 'probes', { inFlight: 1 }),
    ]),
    200,
  );
  expect(lines[0]).toContain('3/4  2 failed  saes[layer=3] attempt 3');
  expect(lines[1]).toContain('0/1  waiting for a worker');
});

test('no line is wider than the terminal', () => {
  const long = step('s', 'stage', { active: [active('a-very-long-point-name'.repeat(10))] });
  for (const columns of [40, 80, 120]) {
    expect(stageLines(snapshot([long]), columns)[0]!.length).toBeLessThan(columns);
  }
});

const decision = (point: string, more: Partial<Decision> = {}): Decision => ({
  point,
  what: 'computed',
  at: 1,
  seconds: 12,
  ...more,
});

const texts = (lines: string[]) => lines.map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));

test('in a log, each start and each end is one line, once', () => {
  const seen = nothingSeen();
  const running = snapshot([step('a', 'data', { active: [active('a')] })]);
  expect(texts(plainLines(running, seen))).toEqual(['start    a']);
  expect(plainLines(running, seen)).toEqual([]);
  const done = snapshot([
    step('a', 'data', {
      recent: [decision('a', { metric: { name: 'loss', value: 0.123456 } })],
    }),
    step('b', 'data', {
      recent: [
        decision('b', { what: 'failed', error: { code: 'nan-loss', message: 'The loss is NaN.' } }),
        decision('c', { what: 'cached' }),
      ],
    }),
  ]);
  expect(texts(plainLines(done, seen))).toEqual([
    'done     a  12 s  loss 0.123',
    'FAILED   b  nan-loss: The loss is NaN.',
    'cached   c',
  ]);
  expect(plainLines(done, seen)).toEqual([]);
});

test('a thousand points at once are counted, not listed', () => {
  const recent = Array.from({ length: 50 }, (_, i) => decision(`s[i=${i}]`, { what: 'cached' }));
  const lines = texts(plainLines(snapshot([step('s', 'data', { total: 50, recent })]), nothingSeen()));
  expect(lines).toHaveLength(11);
  expect(lines[10]).toBe('…        and 40 more points of s decided');
});

test('an attempt after a failure says what had failed', () => {
  const seen = nothingSeen();
  plainLines(snapshot([step('a', 'data', { active: [active('a')] })]), seen);
  const again = { ...active('a'), attempt: 2, lastFailure: 'The process was killed.' };
  expect(texts(plainLines(snapshot([step('a', 'data', { active: [again] })]), seen))).toEqual([
    'again    a  attempt 2, after: The process was killed.',
  ]);
});

test('after half a minute without news, what runs is said', () => {
  const seen = nothingSeen();
  plainLines(snapshot([step('a', 'data', { active: [active('a')] })], 60_000), seen);
  expect(plainLines(snapshot([step('a', 'data', { active: [active('a')] })], 80_000), seen)).toEqual([]);
  const late = snapshot([step('a', 'data', { active: [active('a', 40)] })], 95_000);
  expect(texts(plainLines(late, seen))).toEqual(['running  a 40/60 1.5/s reward 0.314']);
});
