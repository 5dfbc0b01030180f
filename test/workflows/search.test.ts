import { ServiceError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlanSearch, PlanStep } from '../../compiler/plan/types.ts';
import type { ExperimentResult, Progress } from '../../workflows/types.ts';
import { type Behaviour, failure, Laboratory, until } from './support/laboratory.ts';
import { axis, matrix, metric, plan, ref, searching, step, tried } from './support/plans.ts';

/** A server that asks for a hand-over after 60 events, and workers that keep three workflows: everything is replayed. */
let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open({
    serverArguments: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=60'],
    cachedWorkflows: 3,
  });
});
afterAll(() => lab.close());
beforeEach(() => {
  lab.ran.length = 0;
  lab.requests.length = 0;
  lab.results.clear();
  lab.peak = 0;
  lab.behaviour = bowl;
});

/** Least at x = 0.3. A training in parts gives a state, and comes closer the longer it is. */
const bowl: Behaviour = ({ point }) => {
  const { x, steps } = point.params as { x?: number; steps?: number };
  if (x === undefined) return {};
  const loss = (x - 0.3) ** 2 + (steps === undefined ? 0 : 1 / steps);
  return {
    metrics: { loss: { value: loss }, size: { value: x } },
    outputs: { value: point.id, state: { $artifact: 'training-state', digest: point.key } },
  };
};

const search = (id: string, more: Partial<PlanSearch> = {}, also: Partial<PlanStep> = {}) =>
  step(id, { search: searching(more), params: { name: id, x: tried('x') }, ...also });

/** asha over trainings of 1, 3 and 9 steps. */
const halving: Partial<PlanSearch> = {
  pruner: { type: 'asha', options: { min: 1, factor: 3 } },
  parts: { parameter: 'steps', whole: 9, rungs: [] },
};
const trained = { params: { name: 'trials', x: tried('x'), steps: 9 } };

const best = (id: string) => ({ $expr: { op: 'member', of: ref(id).$expr, name: 'best' } as const });

async function failedResult(run: { result(): Promise<unknown> }): Promise<ExperimentResult> {
  const error = (await run.result().catch((caught: unknown) => caught)) as {
    cause: { details: [ExperimentResult] };
  };
  return error.cause.details[0];
}

/** The result, asked for again while the server does not answer. */
async function ended(run: { result(): Promise<unknown> }): Promise<ExperimentResult> {
  for (let tries = 0; ; tries++) {
    try {
      return (await run.result()) as ExperimentResult;
    } catch (error) {
      if (tries === 20 || !(error instanceof ServiceError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

const xs = () => new Map(lab.requests.map(({ point }) => [point.axes['trial'], point.axes['x']]));

describe('a search', () => {
  test('runs its trials, hands over, and gives its best to what needs it', async () => {
    const steps = [
      search('trials', { trials: 40 }),
      step('last', { needs: ['trials'], requires: [], params: { v: best('trials') } }),
    ];
    const run = await lab.start('whole', plan('whole', steps));
    const result = (await run.result()) as ExperimentResult;
    expect(result.counts).toMatchObject({ total: 41, computed: 41 });
    expect(lab.peak).toBeLessThanOrEqual(4);
    const [least] = [...lab.results.values()]
      .filter(({ metrics }) => metrics['loss'])
      .sort((a, b) => a.metrics['loss']!.value - b.metrics['loss']!.value);
    const last = lab.requests.find(({ point }) => point.step === 'last')!;
    expect(last.point.params['v']).toBe(least!.outputs['value']);
    expect(least!.metrics['loss']!.value).toBeLessThan(0.001);
    let runs = 0;
    for await (const _ of lab.client.workflow.list({ query: 'WorkflowId = "whole/trials"' })) runs += 1;
    expect(runs).toBeGreaterThan(2);
  });

  test('tries the same whatever ends first, and finds it all in the store again', async () => {
    const steps = [search('trials', { trials: 16 })];
    await (await lab.start('order-1', plan('order', steps))).result();
    const first = xs();
    lab.results.clear();
    lab.requests.length = 0;
    lab.behaviour = async (request, attempt) => {
      const slow = Number(request.point.axes['trial']) % 3 === 0;
      await new Promise((resolve) => setTimeout(resolve, slow ? 60 : 1));
      return bowl(request, attempt);
    };
    await (await lab.start('order-2', plan('order', steps))).result();
    expect(xs()).toEqual(first);
    lab.ran.length = 0;
    const again = (await (await lab.start('order-3', plan('order', steps))).result()) as ExperimentResult;
    expect(lab.ran).toEqual([]);
    expect(again.counts).toMatchObject({ computed: 0, cached: 16 });
  });

  test('with more trials runs only what is new', async () => {
    await (await lab.start('few', plan('few', [search('trials', { trials: 12 })]))).result();
    lab.ran.length = 0;
    const run = await lab.start('more', plan('more', [search('trials', { trials: 20 })]));
    const result = (await run.result()) as ExperimentResult;
    expect(result.counts).toMatchObject({ total: 20, cached: 12, computed: 8 });
    expect(lab.ran.every((id) => Number(/trial=(\d+)/.exec(id)![1]) >= 12)).toBe(true);
  });

  test('is one for each combination of the matrix', async () => {
    const steps = [
      search('trials', { trials: 6 }, { matrix: matrix(2), params: { i: axis('i'), x: tried('x') } }),
      step('each', {
        needs: ['trials'],
        requires: [],
        matrix: matrix(2),
        params: { v: { $expr: { op: 'index', of: best('trials').$expr, index: axis('i').$expr } } },
      }),
    ];
    const result = (await (await lab.start('two', plan('two', steps))).result()) as ExperimentResult;
    expect(result.counts).toMatchObject({ total: 14, computed: 14 });
    const given = lab.requests.filter(({ point }) => point.step === 'each');
    for (const { point } of given) expect(point.params['v']).toContain(`i=${point.axes['i']},`);
  });

  test('ends when nothing is left to try', async () => {
    const space: PlanSearch['space'] = [{ name: 'x', type: 'categorical', choices: [0, 1, 2] }];
    const run = await lab.start('used-up', plan('used-up', [search('trials', { trials: 30, space })]));
    const result = (await run.result()) as ExperimentResult;
    expect(result.counts).toMatchObject({ total: 3, computed: 3 });
    expect([...xs().values()].sort()).toEqual([0, 1, 2]);
  });

  test('goes on past trials that fail, and only its best counts', async () => {
    lab.behaviour = (request, attempt) => {
      if (Number(request.point.axes['trial']) % 4 === 1) throw failure('nan-loss', 'The loss is NaN.');
      return bowl(request, attempt);
    };
    const steps = [
      search('trials', { trials: 12 }),
      step('last', { needs: ['trials'], requires: [], params: { v: best('trials') } }),
    ];
    const result = await failedResult(await lab.start('some-fail', plan('some-fail', steps)));
    expect(result.counts).toMatchObject({ total: 13, computed: 10, failed: 3, blocked: 0 });
    lab.ran.length = 0;
    lab.behaviour = bowl;
    const again = await lab.start('some-fail', plan('some-fail', steps));
    await again.result();
    expect(lab.ran).toEqual(expect.arrayContaining(['trials[trial=1]', 'trials[trial=5]']));
  });

  test('of which every trial fails blocks what needs its best', async () => {
    lab.behaviour = ({ point }) => {
      if (point.step === 'trials') throw failure('bad-data', 'Never.');
      return {};
    };
    const steps = [
      search('trials', { trials: 10, ...halving }, trained),
      step('last', { needs: ['trials'], requires: [], params: { v: best('trials') } }),
    ];
    const result = await failedResult(await lab.start('all-fail', plan('all-fail', steps)));
    expect(result.counts).toMatchObject({ total: 11, failed: 10, blocked: 1 });
  });

  test('takes a trial without its metric for one that failed', async () => {
    lab.behaviour = (request, attempt) =>
      Number(request.point.axes['trial']) < 3 ? { metrics: {} } : bowl(request, attempt);
    const checked = plan('no-metric', [search('trials', { trials: 14 })], {
      expect: [
        {
          name: 'good',
          check: 'steps.trials.best.metrics.loss < 1',
          expression: {
            op: 'binary',
            operator: '<',
            left: metricOfBest('trials', 'loss'),
            right: { op: 'literal', value: 1 },
          },
          needs: ['trials'],
        },
      ],
    });
    const result = (await (await lab.start('no-metric', checked)).result()) as ExperimentResult;
    expect(result.verdicts[0]!.verdicts[0]!.held).toBe(true);
  });

  test('of two objectives gives the trade-offs', async () => {
    const objectives: PlanSearch['objectives'] = [
      { metric: 'loss', direction: 'minimise' },
      { metric: 'size', direction: 'minimise' },
    ];
    const pareto = { $expr: { op: 'member', of: ref('trials').$expr, name: 'pareto' } as const };
    const steps = [
      search('trials', { trials: 20, objectives, sampler: { type: 'random', options: {} } }),
      step('last', { needs: ['trials'], requires: [], params: { v: pareto } }),
    ];
    await (await lab.start('pareto', plan('pareto', steps))).result();
    const ids = lab.requests.find(({ point }) => point.step === 'last')!.point.params['v'] as string[];
    const all = [...xs()].map(([trial, x]) => ({ trial, x: Number(x) }));
    const under = all.filter(({ x }) => x <= 0.3).map(({ x }) => x);
    // Below 0.3 smaller is better in one and worse in the other; above, all are worse than the nearest below.
    expect(ids.length).toBeGreaterThanOrEqual(under.length);
    expect(ids.length).toBeLessThan(all.length);
  });
});

const metricOfBest = (id: string, name: string) => {
  const member = metric(id, name) as {
    op: 'member';
    of: { op: 'member'; of: never; name: string };
    name: string;
  };
  return {
    ...member,
    of: { ...member.of, of: best(id).$expr },
  } as never as ReturnType<typeof metric>;
};

describe('trainings in parts', () => {
  const steps = [search('trials', { trials: 12, ...halving }, trained)];

  test('are stopped between them, and go on from what the part before left', async () => {
    const result = (await (await lab.start('parts', plan('parts', steps))).result()) as ExperimentResult;
    const parts = lab.requests.filter(({ point }) => point.step === 'trials').map(({ point }) => point);
    const at = (rung: number) => parts.filter(({ axes }) => axes['rung'] === rung);
    expect(at(1)).toHaveLength(12);
    expect(at(3).length).toBeLessThan(12);
    expect(at(9).length).toBeLessThanOrEqual(at(3).length);
    expect(at(9).length).toBeGreaterThan(0);
    expect(result.counts.total).toBe(parts.length);
    for (const point of at(3)) {
      const before = at(1).find(({ axes }) => axes['trial'] === point.axes['trial'])!;
      expect(point.params['continue']).toMatchObject({ digest: before.key });
      expect(point.params['steps']).toBe(3);
    }
  });

  test('survive the server being killed between them', async () => {
    let halt = true;
    lab.behaviour = async (request, attempt) => {
      if (halt && request.point.axes['rung'] === 3) await until('the gate opens', () => !halt, 50);
      return bowl(request, attempt);
    };
    const run = await lab.start('server', plan('server', steps));
    await until('a second part runs', () => lab.ran.some((id) => id.includes('rung=3')));
    await lab.restartServer();
    halt = false;
    const result = await ended(run);
    expect(result.counts).toMatchObject({ failed: 0, blocked: 0 });
    expect(result.counts.total).toBe(lab.results.size);
  }, 90_000);

  test('survive a restart of all workers between them', async () => {
    let halt = true;
    lab.behaviour = async (request, attempt) => {
      if (halt && request.point.axes['rung'] === 3) await until('the gate opens', () => !halt, 30);
      return bowl(request, attempt);
    };
    const run = await lab.start('restart', plan('restart', steps));
    await until('a second part runs', () => lab.ran.some((id) => id.includes('rung=3')));
    const stopped = lab.stopWorkers();
    halt = false;
    await stopped;
    await lab.startWorkers();
    const result = (await run.result()) as ExperimentResult;
    expect(result.counts.failed).toBe(0);
    const computed = lab.ran.filter((id) => id.startsWith('trials'));
    expect(new Set(computed).size).toBe(result.counts.total);
  }, 60_000);

  test('are trained further when the whole gets longer', async () => {
    const explicit = (whole: number, rungs: number[]): PlanStep =>
      search(
        'trials',
        { trials: 5, parts: { parameter: 'steps', whole, rungs } },
        { params: { name: 'trials', x: tried('x'), steps: whole } },
      );
    await (await lab.start('short', plan('short', [explicit(4, [2])]))).result();
    lab.ran.length = 0;
    await (await lab.start('long', plan('long', [explicit(8, [2, 4])]))).result();
    expect(lab.ran.filter((id) => !id.includes('rung=8'))).toEqual([]);
    expect(lab.ran).toHaveLength(5);
  });
});

describe('an operator', () => {
  /** Trials that wait until they are let go or told to stop. */
  function gated() {
    const gate = { open: false };
    lab.behaviour = async (request, attempt) => {
      const { Context } = await import('@temporalio/activity');
      const { cancelled } = Context.current();
      const beat = setInterval(() => Context.current().heartbeat(), 50);
      try {
        await Promise.race([until('the gate opens', () => gate.open, 30), cancelled]);
      } finally {
        clearInterval(beat);
      }
      return bowl(request, attempt);
    };
    return gate;
  }

  test('pauses and resumes', async () => {
    const gate = gated();
    const run = await lab.start('pause', plan('pause', [search('trials', { trials: 8 })]));
    await until('four run', () => lab.ran.length === 4);
    await run.executeUpdate('pause');
    const child = lab.client.workflow.getHandle('pause/trials');
    const inFlight = async () => (await child.query<Progress>('progress')).steps[0]!.inFlight;
    await until('they have stopped', async () => (await inFlight()) === 0);
    gate.open = true;
    await run.executeUpdate('resume');
    const result = (await run.result()) as ExperimentResult;
    expect(result.counts).toMatchObject({ total: 8, computed: 8 });
  });

  test('cancels one trial, and the search goes on', async () => {
    const gate = gated();
    const run = await lab.start('cancel', plan('cancel', [search('trials', { trials: 8 })]));
    await until('four run', () => lab.ran.length === 4);
    await run.executeUpdate('cancelPoint', { args: ['trials[trial=2]'] });
    const child = lab.client.workflow.getHandle('cancel/trials');
    const failed = async () => (await child.query<Progress>('progress')).steps[0]!.counts.failed;
    await until('it has stopped', async () => (await failed()) === 1);
    gate.open = true;
    const result = await failedResult(run);
    expect(result.counts).toMatchObject({ total: 8, computed: 7, failed: 1 });
    expect(result.failures[0]).toMatchObject({ id: 'trials[trial=2]', error: { code: 'cancelled' } });
  });

  test('retries a trial that has failed while the search goes on', async () => {
    let broken = true;
    lab.behaviour = async (request, attempt) => {
      const { trial } = request.point.axes;
      if (trial === 0 && broken) throw failure('bad-data', 'Not yet.');
      if (trial === 3) await until('it is retried', () => !broken, 30);
      return bowl(request, attempt);
    };
    const run = await lab.start('retry', plan('retry', [search('trials', { trials: 8 })]));
    const child = lab.client.workflow.getHandle('retry/trials');
    const failed = async () => (await child.query<Progress>('progress')).steps[0]!.counts.failed;
    await until('it has failed', () =>
      failed().then(
        (count) => count === 1,
        () => false,
      ),
    );
    broken = false;
    await run.executeUpdate('retryPoint', { args: ['trials[trial=0]'] });
    const result = (await run.result()) as ExperimentResult;
    expect(result.counts).toMatchObject({ total: 8, computed: 8 });
  });

  test('cancels the run: what is in flight stops', async () => {
    gated();
    const run = await lab.start('stop', plan('stop', [search('trials', { trials: 8 })]));
    await until('four run', () => lab.ran.length === 4);
    await run.cancel();
    await expect(run.result()).rejects.toThrow();
    expect(lab.ran).toHaveLength(4);
  });
});

test('one straggler holds up only those that must know it', async () => {
  const gate = { open: false };
  lab.behaviour = async (request, attempt) => {
    if (request.point.axes['trial'] === 1) await until('the gate opens', () => gate.open, 30);
    return bowl(request, attempt);
  };
  const lagging = search('trials', { trials: 16, parallel: 3, lag: 8 });
  const run = await lab.start('straggler', plan('straggler', [lagging]));
  // Trial 9 is the first that may know trial 1.
  await until('eight others are done', () => lab.results.size === 8);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(lab.results.size).toBe(8);
  gate.open = true;
  const result = (await run.result()) as ExperimentResult;
  expect(result.counts).toMatchObject({ total: 16, computed: 16 });
  lab.results.clear();
  const first = xs();
  lab.requests.length = 0;
  await (await lab.start('no-straggler', plan('straggler', [lagging]))).result();
  expect(xs()).toEqual(first);
});
