import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExperimentResult } from '../../workflows/types.ts';
import { failure, Laboratory } from './support/laboratory.ts';
import { axis, matrix, plan, ref, step } from './support/plans.ts';

/** A server that asks for a hand-over after 40 events, and workers that keep three workflows: everything is replayed. */
let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open({
    serverArguments: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=40'],
    cachedWorkflows: 3,
  });
});
afterAll(() => lab.close());

async function runsOf(id: string): Promise<number[]> {
  const lengths: number[] = [];
  for await (const { historyLength } of lab.client.workflow.list({ query: `WorkflowId = "${id}"` })) {
    lengths.push(Number(historyLength));
  }
  return lengths;
}

test('a sweep hands over again and again, and every point is decided exactly once', async () => {
  const steps = [
    step('sweep', { matrix: matrix(60), params: { i: axis('i') } }),
    step('all', { needs: ['sweep'], params: { values: ref('sweep') } }),
  ];
  lab.behaviour = ({ point }) => {
    if (point.axes['i'] === 17) throw failure('bad-data', 'Seventeen.');
    return {};
  };
  const run = await lab.start('hand-over', plan('hand-over', steps), { parallelism: 5 });
  const error = (await run.result().catch((caught: unknown) => caught)) as {
    cause: { details: [ExperimentResult] };
  };
  expect(error.cause.details[0].counts).toMatchObject({ total: 61, computed: 59, failed: 1, blocked: 1 });
  expect(new Set(lab.ran).size).toBe(60);
  expect(lab.ran).toHaveLength(60);
  const lengths = await runsOf('hand-over/sweep');
  expect(lengths.length).toBeGreaterThan(5);
  expect(Math.max(...lengths)).toBeLessThan(120);
});

test('an experiment of many steps hands over between them', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
  const steps = names.map((name, i) => {
    const before = names[i - 1];
    return step(name, before ? { needs: [before], params: { v: ref(before) } } : {});
  });
  lab.behaviour = () => ({});
  const run = await lab.start('long', plan('long', steps));
  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ total: 20, computed: 20 });
  expect((await runsOf('long')).length).toBeGreaterThan(2);
});

test('a training of many segments hands over between them', async () => {
  const steps = [step('train', { kind: 'test.train', segment: { units: 1 } })];
  let done = 0;
  lab.behaviour = ({ point }) => {
    done += 1;
    return done < 25 ? ({ status: 'suspended', key: point.key, done, total: 25 } as never) : {};
  };
  await (await lab.start('segments', plan('segments', steps))).result();
  expect(done).toBe(25);
  expect((await runsOf('segments/train')).length).toBeGreaterThan(2);
});
