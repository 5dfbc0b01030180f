import { Context } from '@temporalio/activity';
import { type WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ExperimentResult, StepProgress } from '../../workflows/types.ts';
import { failure, Laboratory, until } from './support/laboratory.ts';
import { axis, matrix, plan, ref, step } from './support/plans.ts';

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

const heartbeatUntil = async (open: () => boolean) => {
  const { heartbeat, cancelled } = Context.current();
  const beat = setInterval(heartbeat, 50);
  try {
    await Promise.race([cancelled, until('the gate opens', open, 30)]);
  } finally {
    clearInterval(beat);
  }
};

async function refusal(update: Promise<unknown>): Promise<string> {
  const error = await update.then(
    () => expect.fail('the update must be refused'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  return ((error as WorkflowUpdateFailedError).cause as Error).message;
}

test('a pause interrupts what runs and starts nothing; resuming runs each of them to its end', async () => {
  const steps = [
    step('alone'),
    step('sweep', { matrix: matrix(6), params: { i: axis('i') } }),
    step('after', { needs: ['alone', 'sweep'], params: {} }),
  ];
  let open = false;
  lab.behaviour = async () => {
    await heartbeatUntil(() => open);
    return {};
  };
  const run = await lab.start('pause', plan('pause', steps), { parallelism: 3 });
  await until('four points run', () => lab.ran.length === 4);
  await run.executeUpdate('pause');
  expect(await refusal(run.executeUpdate('pause'))).toBe('It is paused already.');
  const idle = async (id: string) => {
    const { raw } = await lab.client.workflow.getHandle(id).describe();
    return (raw.pendingActivities ?? []).length === 0;
  };
  await until('all are interrupted', async () => (await idle('pause')) && (await idle('pause/sweep')));
  open = true;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(lab.ran).toHaveLength(4);
  expect(await run.executeUpdate('resume')).toBe('Going on.');
  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ computed: 8, failed: 0 });
  expect(lab.ran.filter((id) => id === 'sweep[i=0]')).toHaveLength(2);
});

test('a cancelled point is a failure that blocks what needs it, and leaves the rest alone', async () => {
  const steps = [
    step('sweep', { matrix: matrix(3), params: { i: axis('i') } }),
    step('after', { needs: ['sweep'], params: { v: ref('sweep') } }),
  ];
  let open = false;
  // Those that are cancelled end in no other way: whether they had begun or not.
  lab.behaviour = async ({ point }) => {
    await heartbeatUntil(() => open && point.id === 'sweep[i=1]');
    return {};
  };
  const run = await lab.start('cancel-point', plan('cancel-point', steps), { parallelism: 2 });
  await until('two points run', () => lab.ran.length === 2);
  await run.executeUpdate('cancelPoint', { args: ['sweep[i=0]'] });
  await run.executeUpdate('cancelPoint', { args: ['sweep[i=2]'] });
  open = true;
  const error = (await run.result().catch((caught: unknown) => caught)) as WorkflowFailedError;
  const [result] = (error.cause as unknown as { details: [ExperimentResult] }).details;
  expect(result.failures.map(({ id, error }) => [id, error.code])).toEqual([
    ['sweep[i=0]', 'cancelled'],
    ['sweep[i=2]', 'cancelled'],
    ['after', 'blocked'],
  ]);
  expect(result.counts.computed).toBe(1);
});

test('a failed point is retried while the run goes on, with what it had blocked', async () => {
  const steps = [
    step('a'),
    step('b', { needs: ['a'], params: { v: ref('a') } }),
    step('slow'),
    step('end', { needs: ['b', 'slow'], params: { v: ref('b') } }),
  ];
  let broken = true;
  let open = false;
  lab.behaviour = async ({ point }) => {
    if (point.id === 'a' && broken) throw failure('bad-data', 'Not yet.');
    if (point.id === 'slow') await heartbeatUntil(() => open);
    return {};
  };
  const run = await lab.start('retry', plan('retry', steps));
  const aDone = async () => {
    const progress = await run.query<{ steps: { status: string }[] }>('progress');
    return progress.steps[1]?.status === 'done';
  };
  await until('b is blocked', aDone);
  expect(await refusal(run.executeUpdate('retryPoint', { args: ['b'] }))).toMatch(
    /retry the point that failed/,
  );
  expect(await refusal(run.executeUpdate('retryPoint', { args: ['slow'] }))).toBe('slow is running.');
  expect(await refusal(run.executeUpdate('retryPoint', { args: ['nope'] }))).toMatch(
    /No step is called nope/,
  );
  broken = false;
  await run.executeUpdate('retryPoint', { args: ['a'] });
  await until('a and b have run', () => lab.results.size === 2);
  open = true;
  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ computed: 4, failed: 0, blocked: 0 });
});

test('a failed point of a running sweep is retried inside it', async () => {
  let broken = true;
  let open = false;
  lab.behaviour = async ({ point }) => {
    if (point.id === 'sweep[i=1]' && broken) throw failure('bad-data', 'Not yet.');
    if (point.id === 'sweep[i=0]') await heartbeatUntil(() => open);
    return {};
  };
  const steps = [step('sweep', { matrix: matrix(3), params: { i: axis('i') } })];
  const run = await lab.start('retry-in-sweep', plan('retry-in-sweep', steps));
  await until('one is done and one has failed', async () => {
    const { steps } = await lab.client.workflow
      .getHandle('retry-in-sweep/sweep')
      .query<{ steps: StepProgress[] }>('progress')
      // The sweep may not have begun.
      .catch(() => ({ steps: [] }));
    return steps[0]?.counts.computed === 1 && steps[0].counts.failed === 1;
  });
  broken = false;
  await run.executeUpdate('retryPoint', { args: ['sweep[i=1]'] });
  await until('the retried one is done', () => lab.results.size === 2);
  open = true;
  expect(((await run.result()) as ExperimentResult).counts).toMatchObject({ computed: 3, failed: 0 });
});

test('parallelism can be changed while a sweep runs', async () => {
  let open = false;
  lab.behaviour = async () => {
    await heartbeatUntil(() => open);
    return {};
  };
  const steps = [step('sweep', { matrix: matrix(12), params: { i: axis('i') } })];
  const run = await lab.start('parallelism', plan('parallelism', steps), { parallelism: 2 });
  await until('two run', () => lab.ran.length === 2);
  expect(await refusal(run.executeUpdate('setParallelism', { args: [0] }))).toBe(
    'Give a whole number from 1 to 500.',
  );
  await run.executeUpdate('setParallelism', { args: [7] });
  await until('seven run', () => lab.ran.length === 7);
  open = true;
  await run.result();
});

test('cancelling the run lets its points save and leave, and is recorded', async () => {
  const steps = [step('alone'), step('sweep', { matrix: matrix(2), params: { i: axis('i') } })];
  let saved = 0;
  lab.behaviour = async () => {
    try {
      await heartbeatUntil(() => false);
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 200));
      saved += 1;
    }
    return {};
  };
  await lab.store.writeDocument('runs/cancel/run', { id: 'cancel', state: 'running' });
  const run = await lab.start('cancel', plan('cancel', steps));
  await until('all run', () => lab.ran.length === 3);
  await run.cancel();
  await expect(run.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(saved).toBe(3);
  expect(await lab.store.readDocument('runs/cancel/run')).toMatchObject({ state: 'cancelled' });
});
