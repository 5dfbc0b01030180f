import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { failure, Laboratory, until } from './support/laboratory.ts';
import { axis, matrix, plan, ref, searching, step, tried } from './support/plans.ts';

/** Which generation of histories to record; unset in all but rare runs: see test/histories/README.md. */
const generation = process.env['PLUMBLINE_RECORD'];

let lab: Laboratory;
beforeAll(async () => {
  if (!generation) return;
  lab = await Laboratory.open({
    serverArguments: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=100'],
  });
});
afterAll(() => lab?.close());
beforeEach(() => {
  if (!lab) return;
  lab.results.clear();
  lab.ran.length = 0;
});

async function save(name: string, workflowId: string, runId?: string): Promise<void> {
  const history = await lab.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const path = fileURLToPath(new URL(`../histories/${name}.${generation}.json`, import.meta.url));
  writeFileSync(path, `${scrubbed(historyToJSON(history))}\n`);
}

/** Without what belongs to the machine that recorded it. */
function scrubbed(json: string): string {
  return JSON.stringify(JSON.parse(json), (key, value: unknown) => {
    if (key === 'stackTrace') return undefined;
    return key === 'identity' ? 'recorder' : value;
  });
}

test.runIf(generation)('record: failures, a sweep, a report', async () => {
  const steps = [
    step('a'),
    step('sweep', {
      needs: ['a'],
      matrix: matrix(4),
      params: { i: axis('i'), v: ref('a') },
      stage: 'fine-tune',
    }),
    step('train', { kind: 'test.train', segment: { units: 5 }, stage: 'fine-tune' }),
    step('after', { needs: ['sweep'], params: { v: ref('sweep') }, stage: 'probes' }),
    step('report', { kind: 'report', stage: 'report', readsRun: { artifacts: [] }, params: {} }),
  ];
  let done = 0;
  lab.behaviour = ({ point, kind }) => {
    if (point.id === 'sweep[i=2]') throw failure('nan-loss', 'The loss is NaN.');
    if (kind !== 'test.train') return {};
    done += 5;
    return done < 15 ? ({ status: 'suspended', key: point.key, done, total: 15 } as never) : {};
  };
  const run = await lab.start('failures', plan('failures', steps));
  await expect(run.result()).rejects.toThrow();
  await save('experiment-failures', 'failures');
  await save('sweep-failure', 'failures/sweep');
  await save('training', 'failures/train');
});

test.runIf(generation)('record: an operator pauses, resumes, retries, cancels', async () => {
  const steps = [
    step('sweep', { matrix: matrix(5), params: { i: axis('i') } }),
    step('a'),
    step('b', { needs: ['a'], params: { v: ref('a') } }),
  ];
  let broken = true;
  let open = false;
  lab.behaviour = async ({ point }) => {
    if (point.id === 'a' && broken) throw failure('bad-data', 'Not yet.');
    if (point.step === 'sweep') await until('the gate opens', () => open, 60);
    return {};
  };
  const run = await lab.start('operator', plan('operator', steps), { parallelism: 2 });
  await until('the sweep runs', () => lab.ran.filter((id) => id.startsWith('sweep')).length >= 2);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await run.executeUpdate('setParallelism', { args: [3] });
  await run.executeUpdate('cancelPoint', { args: ['sweep[i=4]'] });
  broken = false;
  await run.executeUpdate('retryPoint', { args: ['a'] });
  await run.executeUpdate('pause');
  await new Promise((resolve) => setTimeout(resolve, 500));
  await run.executeUpdate('resume');
  open = true;
  await expect(run.result()).rejects.toThrow();
  await save('experiment-operator', 'operator');
  await save('sweep-operator', 'operator/sweep');
});

test.runIf(generation)('record: a sweep hands over', async () => {
  lab.behaviour = () => ({});
  const steps = [step('sweep', { matrix: matrix(40), params: { i: axis('i') } })];
  const run = await lab.start('hand-over', plan('hand-over', steps), { parallelism: 10 });
  await run.result();
  const runs: string[] = [];
  for await (const { runId } of lab.client.workflow.list({ query: 'WorkflowId = "hand-over/sweep"' }))
    runs.push(runId);
  expect(runs.length).toBeGreaterThan(1);
  // Latest first: the last is the first run, which continued as new.
  await save('sweep-hand-over', 'hand-over/sweep', runs.at(-1));
  await save('sweep-taken-over', 'hand-over/sweep', runs[0]);
});

test.runIf(generation)('record: a search of trainings in parts, one of which fails', async () => {
  lab.behaviour = ({ point }) => {
    const { x, steps } = point.params as { x?: number; steps?: number };
    if (x === undefined) return {};
    if (point.axes['trial'] === 2) throw failure('nan-loss', 'The loss is NaN.');
    const state = { $artifact: 'training-state', digest: point.key } as const;
    return { metrics: { loss: { value: (x - 0.3) ** 2 + 1 / steps! } }, outputs: { value: point.id, state } };
  };
  const search = searching({
    trials: 9,
    pruner: { type: 'asha', options: { min: 1, factor: 3 } },
    parts: { parameter: 'steps', whole: 9, rungs: [] },
  });
  const best = { $expr: { op: 'member', of: ref('trials').$expr, name: 'best' } as const };
  const steps = [
    step('trials', { search, matrix: matrix(2), params: { i: axis('i'), x: tried('x'), steps: 9 } }),
    step('last', { needs: ['trials'], requires: [], params: { v: best } }),
  ];
  const run = await lab.start('search', plan('search', steps));
  await expect(run.result()).rejects.toThrow();
  await save('experiment-search', 'search');
  const runs: string[] = [];
  for await (const { runId } of lab.client.workflow.list({ query: 'WorkflowId = "search/trials"' }))
    runs.push(runId);
  expect(runs.length).toBeGreaterThan(1);
  await save('search-hand-over', 'search/trials', runs.at(-1));
  await save('search-taken-over', 'search/trials', runs[0]);
});

test.runIf(generation)(
  'record: an operator pauses a search, and cancels and retries trials of it',
  async () => {
    let open = false;
    let broken = true;
    lab.behaviour = async ({ point }) => {
      if (point.axes['trial'] === 0 && broken) throw failure('bad-data', 'Not yet.');
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), 50);
      const gate = until('the gate opens', () => open, 60);
      await Promise.race([gate, context.cancelled]).finally(() => clearInterval(beat));
      return { metrics: { loss: { value: Number(point.params['x']) } } };
    };
    const steps = [step('trials', { search: searching({ trials: 7 }), params: { x: tried('x') } })];
    const run = await lab.start('search-operator', plan('search-operator', steps));
    await until('it runs', () => lab.ran.filter((id) => id.startsWith('trials')).length >= 4);
    await new Promise((resolve) => setTimeout(resolve, 500));
    broken = false;
    await run.executeUpdate('retryPoint', { args: ['trials[trial=0]'] });
    await run.executeUpdate('cancelPoint', { args: ['trials[trial=2]'] });
    await run.executeUpdate('pause');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await run.executeUpdate('resume');
    open = true;
    await expect(run.result()).rejects.toThrow();
    await save('search-operator', 'search-operator/trials');
  },
);
