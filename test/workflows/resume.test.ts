import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExperimentResult } from '../../workflows/types.ts';
import { Laboratory, until } from './support/laboratory.ts';
import { axis, plan, ref, step } from './support/plans.ts';

const POINTS = 6;

let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open();
});
afterAll(() => lab?.close());

/** A matrix that only the run knows: what others resume without the points that had never started. */
const steps = (name: string) => {
  const list = { op: 'member', of: ref('list').$expr, name: 'values' } as const;
  return [
    step('list', { params: { name } }),
    step('sweep', {
      needs: ['list'],
      matrix: { axes: [{ name: 'i', values: { $expr: list } }], include: [], exclude: [], bound: 10 },
      params: { name, i: axis('i') },
    }),
    step('all', { needs: ['sweep'], params: { name, values: ref('sweep') } }),
  ];
};

async function untilCancelled(): Promise<never> {
  const { heartbeat, cancelled } = Context.current();
  const beat = setInterval(heartbeat, 50);
  try {
    return await cancelled;
  } finally {
    clearInterval(beat);
  }
}

test.each(Array.from({ length: POINTS + 1 }, (_, k) => k))(
  'cancelled after %d points of a matrix that the run itself found, it goes on to all of them, each once',
  async (k) => {
    const name = `resume-${k}`;
    lab.ran.length = lab.requests.length = 0;
    lab.results.clear();
    let held = true;
    const swept = () => lab.ran.filter((id) => id.startsWith('sweep'));
    lab.behaviour = async ({ point }) => {
      if (point.id === 'list')
        return { outputs: { value: 'list', values: Array.from({ length: POINTS }, (_, i) => i) } };
      if (held && (point.id === 'all' || swept().length > k)) await untilCancelled();
      return {};
    };
    const thePlan = plan(name, steps(name));
    const first = await lab.start(name, thePlan, { parallelism: 1 });
    await until(`${k} points are done and the next one has begun`, () => lab.ran.length > k + 1);
    await first.cancel();
    await first.result().catch(() => undefined);
    const before = new Set(lab.results.keys());
    expect(before.size).toBe(k + 1);

    held = false;
    lab.ran.length = lab.requests.length = 0;
    const again = await lab.start(name, thePlan, { parallelism: 3 });
    const { counts } = (await again.result()) as ExperimentResult;
    expect(counts).toMatchObject({
      ...{ total: POINTS + 2, computed: POINTS - k + 1, cached: k + 1, failed: 0, blocked: 0 },
    });
    expect(new Set(lab.ran).size).toBe(lab.ran.length);
    const fanIn = lab.requests.find(({ point }) => point.id === 'all')!.point.params['values'];
    expect(fanIn).toEqual(Array.from({ length: POINTS }, (_, i) => `sweep[i=${i}]`));
  },
);
