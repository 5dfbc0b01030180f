import type { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { PlanStep } from '../../compiler/plan/types.ts';
import type { ExperimentResult } from '../../workflows/types.ts';
import { failure, Laboratory } from './support/laboratory.ts';
import { axis, matrix, plan, ref, searching, step, tried } from './support/plans.ts';

/** A server that asks for a hand-over after 60 events, so that what limits a sweep must survive it. */
let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open({
    serverArguments: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=60'],
  });
});
afterAll(() => lab.close());
beforeEach(() => {
  lab.ran.length = 0;
  lab.peak = 0;
  lab.results.clear();
  lab.behaviour = () => ({});
});

async function resultOf(name: string, steps: PlanStep[]): Promise<ExperimentResult> {
  const run = await lab.start(name, plan(name, steps), { parallelism: 4 });
  return await (run.result() as Promise<ExperimentResult>).catch((error: WorkflowFailedError) => {
    const [result] = (error.cause as ApplicationFailure).details as [ExperimentResult];
    return result;
  });
}

const sweep = (more: Partial<PlanStep>) =>
  step('sweep', { matrix: matrix(40), params: { name: 'sweep', i: axis('i') }, ...more });
const table = step('table', { needs: ['sweep'], params: { all: ref('sweep') } });
const index = (id: string) => Number(/i=(\d+)/.exec(id)?.[1]);

/** Of the points below 30, every tenth. */
const everyTenth = (id: string) => {
  if (index(id) % 10 === 0 && index(id) < 30) throw failure('bad-data', 'No good.');
  return {};
};

test('by default a failed point stops nothing but what needs it', async () => {
  lab.behaviour = ({ point }) => everyTenth(point.id);
  const { counts } = await resultOf('continue', [sweep({}), table]);
  expect(counts).toEqual({ total: 41, computed: 37, cached: 0, failed: 3, blocked: 1, skipped: 0 });
});

test('on-failure stop: what runs is finished, nothing is started, and all of it is in the result', async () => {
  lab.behaviour = ({ point }) => everyTenth(point.id);
  const { counts, failures } = await resultOf('stop', [sweep({ failureLimit: 1 }), table]);
  const codes = failures.map(({ error }) => error.code);
  expect(codes.filter((code) => code === 'bad-data')).toHaveLength(1);
  expect(counts.computed + counts.failed + counts.blocked).toBe(41);
  // Point 0 fails at once; three others were in flight with it, and few can have been started before it was known.
  expect(counts.computed).toBeLessThan(10);
  expect(codes.filter((code) => code === 'not-started')).toHaveLength(39 - counts.computed);
  expect(failures.find(({ error }) => error.code === 'not-started')?.error).toMatchObject({
    message: 'Not started: a point of its step failed.',
  });
  expect(counts.blocked).toBe(1);

  // Mended, the same plan runs what is missing and nothing else.
  const before = lab.results.size;
  lab.ran.length = 0;
  lab.behaviour = () => ({});
  const again = await resultOf('stop', [sweep({ failureLimit: 1 }), table]);
  expect(again.counts).toMatchObject({ total: 41, cached: before, computed: 41 - before, failed: 0 });
});

test('on-failure with a number: that many may fail, also across hand-overs', async () => {
  lab.behaviour = ({ point }) => everyTenth(point.id);
  const { counts, failures } = await resultOf('threshold', [sweep({ failureLimit: 3 })]);
  const codes = failures.map(({ error }) => error.code);
  expect(codes.filter((code) => code === 'bad-data')).toHaveLength(3);
  expect(counts.computed).toBeGreaterThanOrEqual(18);
  expect(counts.computed).toBeLessThan(37);
  expect(codes.filter((code) => code === 'not-started')).toHaveLength(37 - counts.computed);
});

test('a search stops proposing, and ends', async () => {
  lab.behaviour = () => {
    throw failure('bad-data', 'No good.');
  };
  const trials = step('trials', {
    search: searching({ trials: 12, parallel: 2, lag: 2 }),
    params: { name: 'trials', x: tried('x') },
    failureLimit: 2,
  });
  const { counts, failures } = await resultOf('search', [trials]);
  expect(counts).toMatchObject({ total: 12, failed: 12 });
  expect(lab.ran.length).toBeLessThanOrEqual(3);
  expect(failures.filter(({ error }) => error.code === 'bad-data')).toHaveLength(lab.ran.length);
});

test('concurrency bounds a step below the parallelism of the run', async () => {
  lab.behaviour = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return {};
  };
  const { counts } = await resultOf('concurrency', [sweep({ concurrency: 2 })]);
  expect(counts.computed).toBe(40);
  expect(lab.peak).toBe(2);
});
