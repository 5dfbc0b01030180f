import { describe, expect, test } from 'vitest';
import { forecast } from '../../compiler/forecast.ts';
import { diffPlans } from '../../compiler/plan/diff.ts';
import { expandSearches } from '../../compiler/plan/expand.ts';
import { Lookup } from '../../compiler/plan/lookup.ts';
import { Search } from '../../compiler/plan/search.ts';
import type { Plan, Point, PointState } from '../../compiler/plan/types.ts';
import type { PointOutputs } from '../../store/types.ts';
import { BASE, compileText, experiment, planOf, problemsOf, stepOf } from './compiling.ts';
import { accepted, artifact } from './plan/running.ts';

const text = (more: { search?: string; rest?: string; trials?: number } = {}) =>
  experiment(`${BASE}acts: { uses: activations.capture, with: { model: "\${{ steps.base }}", data: "\${{ steps.reviews }}", layers: [0, 1] } }
saes:
  uses: sae.train
  matrix: { layer: [0, 1] }
  search:
    space: { learning-rate: { log: [1e-5, 1e-2] }, k: { integer: [4, 16] } }
    objective: { minimise: fvu }
    trials: ${more.trials ?? 12}
${more.search ?? ''}  with: { activations: "\${{ steps.acts }}", layer: "\${{ matrix.layer }}", variant: topk, k: "\${{ search.k }}", learning-rate: "\${{ search.learning-rate }}", tokens: 90000 }
${more.rest ?? ''}`);

const HALVING = '    pruner: { type: asha, min: 10000, factor: 3 }\n';
const QUALITY = `quality:
  uses: sae.evaluate
  matrix: { layer: [0, 1] }
  with: { dictionary: "\${{ steps.saes.best[matrix.layer] }}", model: "\${{ steps.base }}", data: "\${{ steps.reviews }}" }
`;

/** What the steps before the search gave. */
const before = (plan: Plan) => {
  const state = (step: string, name: string, type: 'texts' | 'model' | 'activations'): PointState[] => [
    {
      status: 'accepted',
      id: step,
      key: step,
      cached: false,
      axes: {},
      seed: stepOf(plan, step).seeding === 'per-seed' ? 0 : null,
      outputs: { [name]: artifact(type, step) },
      metrics: {},
    },
  ];
  return {
    reviews: state('reviews', 'texts', 'texts'),
    base: state('base', 'model', 'model'),
    acts: state('acts', 'activations', 'activations'),
  };
};

/** Least fvu at k = 10; longer trainings are better. */
const outcome = (point: Point): PointState =>
  accepted(
    point,
    { sae: artifact('sae', point.id), state: artifact('training-state', point.id) },
    { fvu: { value: Math.abs(Number(point.params['k']) - 10) / 10 + 1e4 / Number(point.params['tokens']) } },
  );

/** Runs a search to its end, all that may start at once ending in reverse order. */
function complete(plan: Plan, layer = 0): Point[] {
  const step = stepOf(plan, 'saes');
  const base = expandSearches(new Lookup(plan, before(plan)), step).bases[layer]!;
  const search = new Search(base, step, new Map());
  const points: Point[] = [];
  for (;;) {
    const started = search.next().map((entry) => {
      if (entry.status !== 'ready') throw new Error(JSON.stringify(entry));
      return entry.point;
    });
    if (started.length === 0) break;
    points.push(...started);
    for (const point of started.reverse()) search.decide(outcome(point));
  }
  expect(search.finished).toBe(true);
  return points;
}

describe('a search in a plan', () => {
  test('has its bound: combinations, trials and parts', () => {
    const bound = (more: Parameters<typeof text>[0]) => stepOf(planOf(text(more)), 'saes').bound;
    expect(bound({})).toBe(24);
    expect(bound({ search: HALVING })).toBe(72);
    const { estimates } = compileText(text({ search: HALVING }));
    const whole = compileText(text()).estimates.get('saes')!;
    expect(estimates.get('saes')!.seconds).toBeCloseTo(whole.seconds, 6);
  });

  test('takes inputs, and what an option should be is said with its place', () => {
    const given = text()
      .replace('trials: 12', "trials: '${{ inputs.n }}'")
      .replace('steps:', 'inputs: { n: { type: integer, default: 7 } }\nsteps:');
    expect(stepOf(planOf(given), 'saes').search!.trials).toBe(7);
    const wrong = text({ search: '    pruner: { type: asha, factor: 1 }\n' });
    const line = wrong.split('\n').findIndex((one) => one.includes('asha')) + 1;
    expect(problemsOf(wrong)).toEqual([`bad-search ${line}:15`]);
  });

  test('names what was changed', () => {
    const { changed } = diffPlans(
      planOf(text()),
      planOf(text({ trials: 20, search: '    sampler: sobol\n' })),
    );
    expect(changed['saes']).toEqual(['search.sampler.type: tpe -> sobol', 'search.trials: 12 -> 20']);
  });
});

describe('the trials of a search', () => {
  test('are points with keys of their own, found again with more trials', () => {
    const few = complete(planOf(text()));
    const more = complete(planOf(text({ trials: 20 })));
    expect(more.slice(0, 12).map(({ key }) => key)).toEqual(few.map(({ key }) => key));
    expect(new Set(more.map(({ key }) => key)).size).toBe(20);
    expect(few[0]!.id).toBe('saes[layer=0,trial=0]');
    expect(Object.keys(few[0]!.axes).sort()).toEqual(['k', 'layer', 'learning-rate', 'trial']);
    expect(few[0]!.params).toMatchObject({
      k: few[0]!.axes['k'],
      'learning-rate': few[0]!.axes['learning-rate'],
    });
    // Six digits.
    for (const { axes } of few)
      expect(Number(Number(axes['learning-rate']).toPrecision(6))).toBe(axes['learning-rate']);
  });

  test('begin with what the file says', () => {
    const points = complete(planOf(text({ search: '    first: [{ k: 8, learning-rate: 1e-3 }]\n' })));
    expect(points[0]!.params).toMatchObject({ k: 8, 'learning-rate': 1e-3 });
  });

  test('in parts go on from the state of the part before', () => {
    const points = complete(planOf(text({ search: HALVING })));
    const second = points.find(({ axes }) => axes['rung'] === 30000)!;
    const first = points.find(
      ({ axes }) => axes['rung'] === 10000 && axes['trial'] === second.axes['trial'],
    )!;
    expect(second.params['continue']).toMatchObject({
      digest: artifact('training-state', first.id).digest,
      from: `${first.id}.state`,
    });
    expect(second.params).toMatchObject({ tokens: 30000, 'keep-state': true });
    expect(points.filter(({ axes }) => axes['rung'] === 90000).length).toBeLessThan(12);
  });
});

describe('a forecast of a search', () => {
  const findIn = (results: Map<string, PointOutputs>) => async (key: string) => results.get(key) ?? null;

  test('goes through it as far as the store has results', async () => {
    const plan = planOf(text({ rest: QUALITY }));
    const results = new Map<string, PointOutputs>();
    const keep = (key: string, state: PointState) => {
      if (state.status === 'accepted') results.set(key, { outputs: state.outputs, metrics: state.metrics });
    };
    const first = await forecast(plan, findIn(results));
    const saes = () => first.steps.find(({ step }) => step.id === 'saes')!;
    expect([saes().cached, saes().run, saes().estimate.exact]).toEqual([0, 24, false]);
    // The keys of the steps before come from the forecast itself.
    const given = before(plan);
    for (const id of ['reviews', 'base', 'acts'] as const) {
      const again = await forecast(plan, findIn(results));
      keep(again.steps.find(({ step }) => step.id === id)!.points[0]!.key!, given[id][0]!);
    }
    for (const layer of [0, 1]) for (const point of complete(plan, layer)) keep(point.key, outcome(point));
    const done = await forecast(plan, findIn(results));
    const counts = Object.fromEntries(done.steps.map(({ step, cached, run }) => [step.id, [cached, run]]));
    expect(counts).toMatchObject({ saes: [24, 0], quality: [0, 2] });
    // What needs the best is known as soon as the search is.
    expect(done.steps.at(-1)!.points[0]!.key).toBeDefined();
    const more = await forecast(planOf(text({ trials: 20 })), findIn(results));
    const again = more.steps.find(({ step }) => step.id === 'saes')!;
    expect([again.cached, again.run]).toEqual([24, 16]);
  });
});
