import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../../store/digest.ts';
import type { ExperimentResult, Progress } from '../../workflows/types.ts';
import { Laboratory } from './support/laboratory.ts';
import { axis, matrix, plan, ref, step } from './support/plans.ts';

let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open();
});
afterAll(() => lab?.close());

test('what is too large for a history travels through the store: a fan-in of 600 points', async () => {
  const steps = [
    step('sweep', { matrix: matrix(600), params: { i: axis('i') } }),
    step('all', { needs: ['sweep'], params: { values: ref('sweep') } }),
  ];
  const note = 'x'.repeat(1500);
  lab.behaviour = ({ point }) => ({
    outputs: { value: { $artifact: 'sae', digest: sha256(point.id) }, note },
  });
  const run = await lab.start('large', plan('large', steps), { parallelism: 200 });
  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ total: 601, computed: 601 });
  const fanIn = lab.requests.find(({ point }) => point.id === 'all')!.point.params['values'] as {
    digest: string;
  }[];
  expect(fanIn.map(({ digest }) => digest)).toEqual(
    Array.from({ length: 600 }, (_, i) => sha256(`sweep[i=${i}]`)),
  );

  const stored = await lab.store.listDocuments('payloads/');
  expect(stored.length).toBeGreaterThan(0);
  for (const id of ['large', 'large/sweep']) {
    for await (const { historyLength, historySize } of lab.client.workflow.list({
      query: `WorkflowId = "${id}"`,
    })) {
      expect(Number(historyLength)).toBeLessThan(4096);
      expect(Number(historySize ?? 0)).toBeLessThan(4e6);
    }
  }
  const progress = await run.query<Progress>('progress');
  expect(progress.steps[0]?.recent.length).toBeLessThanOrEqual(50);
}, 120_000);
