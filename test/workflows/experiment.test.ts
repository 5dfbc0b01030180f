import type { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readRun } from '../../worker/runs.ts';
import type { ExperimentResult, Progress } from '../../workflows/types.ts';
import { failure, Laboratory, until } from './support/laboratory.ts';
import { axis, matrix, metric, plan, ref, step } from './support/plans.ts';

let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open();
});
afterAll(() => lab.close());
beforeEach(() => {
  lab.ran.length = lab.requests.length = 0;
  lab.results.clear();
  lab.behaviour = () => ({});
});

async function failedResult(run: { result(): Promise<unknown> }): Promise<ExperimentResult> {
  const error = (await run.result().then(
    () => expect.fail('the run must fail'),
    (caught: unknown) => caught,
  )) as WorkflowFailedError;
  const cause = error.cause as { type?: string; details?: [ExperimentResult] };
  expect(cause.type).toBe('points-failed');
  return cause.details![0];
}

test('steps run when what they need is complete, in parallel where they may', async () => {
  const steps = [
    step('a'),
    step('b'),
    step('both', { needs: ['a', 'b'], params: { a: ref('a'), b: ref('b') } }),
  ];
  const open = new Set<string>();
  lab.behaviour = async ({ point }) => {
    open.add(point.id);
    // Each waits for the other: run one after the other they would never end.
    if (point.id !== 'both') await until('a and b are both running', () => open.has('a') && open.has('b'));
    return {};
  };
  const run = await lab.start('parallel', plan('parallel', steps));
  const result = (await run.result()) as ExperimentResult;
  expect(result.state).toBe('completed');
  expect(result.counts).toEqual({ total: 3, computed: 3, cached: 0, failed: 0, blocked: 0, skipped: 0 });
  expect(lab.ran[2]).toBe('both');
  expect(lab.requests.find(({ point }) => point.id === 'both')?.point.params).toEqual({ a: 'a', b: 'b' });
  expect(result).toMatchObject({ seconds: 3, dollars: 1.5 });
});

test('a sweep runs every point once, within its parallelism, and hands all on in order', async () => {
  const steps = [
    step('sweep', { matrix: matrix(30), params: { i: axis('i') } }),
    step('all', { needs: ['sweep'], params: { values: ref('sweep') } }),
  ];
  lab.peak = 0;
  lab.behaviour = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return {};
  };
  const run = await lab.start('fan', plan('fan', steps), { parallelism: 4 });
  await run.result();
  const points = lab.ran.filter((id) => id !== 'all');
  expect(new Set(points).size).toBe(30);
  expect(points).toHaveLength(30);
  expect(lab.peak).toBeLessThanOrEqual(4);
  const fanIn = lab.requests.find(({ point }) => point.id === 'all')!.point.params['values'];
  expect(fanIn).toEqual(Array.from({ length: 30 }, (_, i) => `sweep[i=${i}]`));
});

test('a failed point stops only what needs it, and the report still runs and sees it', async () => {
  const steps = [
    step('sweep', { matrix: matrix(3), params: { i: axis('i') } }),
    step('fine'),
    step('after', { needs: ['sweep'], params: { values: ref('sweep') } }),
    step('later', { needs: ['after'], params: { value: ref('after') } }),
    step('report', { kind: 'report', stage: 'report', readsRun: { artifacts: ['sae'] }, params: {} }),
  ];
  lab.behaviour = ({ point }) => {
    if (point.id === 'sweep[i=1]')
      throw failure('nan-loss', 'The loss is NaN.', { hint: 'Lower `learning-rate`.' });
    if (point.id === 'report') return { outputs: { page: { $artifact: 'report', digest: 'd'.repeat(64) } } };
    return {};
  };
  const run = await lab.start('one-fails', plan('one-fails', steps));
  const result = await failedResult(run);
  expect(result.counts).toEqual({ total: 7, computed: 4, cached: 0, failed: 1, blocked: 2, skipped: 0 });
  expect(result.failures[0]).toMatchObject({
    step: 'sweep',
    id: 'sweep[i=1]',
    error: { code: 'nan-loss', message: 'The loss is NaN.', hint: 'Lower `learning-rate`.' },
  });
  expect(result.failures.slice(1).map(({ id, error }) => [id, error.code])).toEqual([
    ['after', 'blocked'],
    ['later', 'blocked'],
  ]);
  expect(result.reports).toEqual([
    { step: 'report', point: 'report', artifact: { $artifact: 'report', digest: 'd'.repeat(64) } },
  ]);
  const seen = lab.requests.find(({ kind }) => kind === 'report')!.readsRun!;
  expect(seen.planDocument).toBe('runs/one-fails/plan');
  expect(seen.points.map(({ id, status }) => `${id} ${status}`)).toEqual([
    'sweep[i=0] accepted',
    'sweep[i=1] failed',
    'sweep[i=2] accepted',
    'fine accepted',
    'after failed',
    'later failed',
  ]);
});

test('the report is another point when anything that it reads has changed', async () => {
  const make = (name: string) =>
    plan(name, [step('a'), step('report', { kind: 'report', readsRun: { artifacts: [] }, params: {} })]);
  await (await lab.start('reader', make('reader'))).result();
  const again = (await (await lab.start('reader', make('reader'))).result()) as ExperimentResult;
  expect(again.counts).toMatchObject({ computed: 0, cached: 2 });
  lab.results.clear();
  lab.behaviour = ({ point }) => {
    if (point.id === 'a') throw failure('bad-data', 'This time it fails.');
    return {};
  };
  await failedResult(await lab.start('reader', make('reader')));
  const keys = lab.requests.filter(({ kind }) => kind === 'report').map(({ point }) => point.key);
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).not.toBe(keys[0]);
});

test('retryable failures are retried as often as the step says, others not at all', async () => {
  const steps = [
    step('flaky', { retry: { attempts: 3, backoffSeconds: 0.01 } }),
    step('hopeless', { retry: { attempts: 3, backoffSeconds: 0.01 } }),
  ];
  lab.behaviour = ({ point }, attempt) => {
    if (point.id === 'flaky' && attempt < 3) throw failure('rate-limited', 'Later.', { retryable: true });
    if (point.id === 'hopeless') throw failure('bad-data', 'Never.');
    return {};
  };
  const result = await failedResult(await lab.start('retries', plan('retries', steps)));
  expect(lab.ran.filter((id) => id === 'flaky')).toHaveLength(3);
  expect(lab.ran.filter((id) => id === 'hopeless')).toHaveLength(1);
  expect(result.counts).toMatchObject({ computed: 1, failed: 1 });
});

test('a segmented point is a chain of activities, each going on where the last one stopped', async () => {
  const steps = [step('train', { kind: 'test.train', segment: { units: 10 }, checkpointEvery: 5 })];
  let done = 0;
  lab.behaviour = ({ point, segmentUnits, checkpointEvery }) => {
    expect({ segmentUnits, checkpointEvery }).toEqual({ segmentUnits: 10, checkpointEvery: 5 });
    done += 10;
    return done < 40 ? ({ status: 'suspended', key: point.key, done, total: 40 } as never) : {};
  };
  const run = await lab.start('segments', plan('segments', steps));
  expect(((await run.result()) as ExperimentResult).counts.computed).toBe(1);
  expect(lab.ran).toHaveLength(4);
  const child = lab.client.workflow.getHandle('segments/train');
  expect((await child.describe()).status.name).toBe('COMPLETED');
});

test('a training that does not advance fails instead of going round for ever', async () => {
  const steps = [step('stuck', { kind: 'test.train', segment: { units: 10 } })];
  lab.behaviour = ({ point }) => ({ status: 'suspended', key: point.key, done: 0, total: 40 }) as never;
  const result = await failedResult(await lab.start('stuck', plan('stuck', steps)));
  expect(result.failures[0]?.error.code).toBe('no-progress');
});

test('the same plan again finds everything in the store', async () => {
  const twice = plan('twice', [
    step('sweep', { matrix: matrix(5), params: { i: axis('i') } }),
    step('all', { needs: ['sweep'], params: { values: ref('sweep') } }),
  ]);
  await (await lab.start('twice', twice)).result();
  const again = (await (await lab.start('twice', twice)).result()) as ExperimentResult;
  expect(lab.ran).toHaveLength(6);
  expect(again.counts).toMatchObject({ computed: 0, cached: 6 });
  expect(again).toMatchObject({ seconds: 0, dollars: 0 });
});

test('points that are the same work under two names are computed once', async () => {
  const values = [1, 2].map((value) => ({ i: value }));
  const same = step('same', {
    matrix: { axes: [{ name: 'i', values: values.map(({ i }) => i) }], include: [], exclude: [], bound: 2 },
    params: { constant: true },
  });
  const run = await lab.start('same', plan('same', [same]));
  const result = (await run.result()) as ExperimentResult;
  expect(lab.ran).toHaveLength(1);
  expect(result.counts).toMatchObject({ computed: 1, cached: 1 });
});

test('expectations get verdicts, and the first one its number in the search attributes', async () => {
  const low = {
    op: 'binary',
    operator: '<',
    left: metric('a', 'loss'),
    right: { op: 'literal', value: 0.3 },
  } as const;
  const checked = plan('checked', [step('a')], {
    expect: [{ name: 'low loss', check: 'steps.a.metrics.loss < 0.3', expression: low, needs: ['a'] }],
  });
  const run = await lab.start('checked', checked);
  const result = (await run.result()) as ExperimentResult;
  expect(result.verdicts[0]).toMatchObject({ name: 'low loss', verdicts: [{ held: true }] });
  const { searchAttributes } = await run.describe();
  expect(searchAttributes).toMatchObject({ BestMetric: [0.25], Stage: ['data'] });
});

test('progress and plan can be asked for, and the end is recorded in the store', async () => {
  const asked = plan('asked', [
    step('sweep', { matrix: matrix(4), params: { i: axis('i') } }),
    step('last', { needs: ['sweep'], params: { v: ref('sweep') } }),
  ]);
  await lab.store.writeDocument('runs/asked/run', { id: 'asked', state: 'running', startedAt: '' });
  const gate = { open: false };
  lab.behaviour = async ({ point }) => {
    if (point.id !== 'sweep[i=0]') await until('the gate opens', () => gate.open);
    return {};
  };
  const run = await lab.start('asked', asked);
  await until('one point is decided', () => lab.results.size === 1);
  // The result is stored before the workflow hears of it.
  const sweep = lab.client.workflow.getHandle('asked/sweep');
  const decided = async () => (await sweep.query<Progress>('progress')).steps[0]?.counts.computed === 1;
  await until('its sweep knows', decided);
  const [top, child] = await Promise.all([
    run.query<Progress>('progress'),
    sweep.query<Progress>('progress'),
  ]);
  expect(top.steps.map(({ step, status, total }) => [step, status, total])).toEqual([
    ['sweep', 'running', 4],
    ['last', 'waiting', 1],
  ]);
  expect(top.steps[0]?.sweep).toBe('asked/sweep');
  expect(child.steps[0]).toMatchObject({ counts: { computed: 1 }, inFlight: 3 });
  expect(child.steps[0]?.recent[0]).toMatchObject({
    point: 'sweep[i=0]',
    metric: { name: 'loss', value: 0.25 },
  });
  expect(await run.query('plan')).toEqual(asked);
  gate.open = true;
  await run.result();
  expect(await readRun(lab.store, 'asked')).toMatchObject({
    state: 'completed',
    result: { state: 'completed' },
  });
});

test('a step may name a queue of the team', async () => {
  const run = await lab.start('queue', plan('queue', [step('a', { queue: 'other-queue' })]));
  await run.result();
  const history = await run.fetchHistory();
  const queues = history.events?.flatMap(
    (e) => e.activityTaskScheduledEventAttributes?.taskQueue?.name ?? [],
  );
  expect(queues?.[0]).toBe('other-queue');
});

test('a step that cannot be expanded is a failure of that step with its reason', async () => {
  const open = step('open', {
    needs: ['a'],
    matrix: {
      axes: [{ name: 'x', values: ref('a') as { $expr: never } }],
      include: [],
      exclude: [],
      bound: 2,
    },
    params: {},
  });
  lab.behaviour = () => ({ outputs: { value: [1, 2, 3] } });
  const result = await failedResult(await lab.start('too-many', plan('too-many', [step('a'), open])));
  expect(result.failures).toHaveLength(1);
  expect(result.failures[0]).toMatchObject({ step: 'open', id: 'open' });
  expect(result.failures[0]?.error.message).toMatch(/3/);
});
