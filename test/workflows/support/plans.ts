import type { Expression, Plan, PlanSearch, PlanStep } from '../../../compiler/plan/types.ts';
import { sha256 } from '../../../store/digest.ts';
import type { ExperimentInput } from '../../../workflows/types.ts';

/** A step with what matters to a test; the rest is as a small kind would have it. */
export function step(id: string, more: Partial<PlanStep> = {}): PlanStep {
  const axes = more.matrix?.axes ?? [];
  const size = axes.reduce((product, { values }) => product * (Array.isArray(values) ? values.length : 1), 1);
  return {
    id,
    kind: 'test.work',
    kindVersion: 1,
    stage: 'data',
    primary: 'value',
    needs: [],
    requires: more.needs ?? [],
    seeding: 'shared',
    seedInKey: false,
    bound: size,
    params: { name: id },
    notInKey: [],
    queue: 'cpu',
    retry: { attempts: 2, backoffSeconds: 0.05 },
    timeoutSeconds: 60,
    stallSeconds: 30,
    secrets: [],
    ...more,
  };
}

/** `axis` runs over 0 .. count-1. */
export function matrix(count: number, axis = 'i'): NonNullable<PlanStep['matrix']> {
  const values = Array.from({ length: count }, (_, index) => index);
  return { axes: [{ name: axis, values }], include: [], exclude: [], bound: count };
}

/** `${{ steps.<id> }}` */
export function ref(id: string): { $expr: Expression } {
  return { $expr: { op: 'member', of: { op: 'name', name: 'steps' }, name: id } };
}

/** `${{ matrix.<axis> }}` */
export function axis(name: string): { $expr: Expression } {
  return { $expr: { op: 'member', of: { op: 'name', name: 'matrix' }, name } };
}

/** `steps.<id>.metrics.<metric>` */
export function metric(id: string, name: string): Expression {
  const member = (of: Expression, key: string): Expression => ({ op: 'member', of, name: key });
  return member(member(member({ op: 'name', name: 'steps' }, id), 'metrics'), name);
}

export function plan(name: string, steps: PlanStep[], more: Partial<Plan> = {}): Plan {
  const body = {
    format: 1 as const,
    name,
    description: '',
    seeds: [0],
    inputs: {},
    feedback: null,
    paths: {},
    steps,
    expect: [],
    ...more,
  };
  return {
    ...body,
    digest: sha256(JSON.stringify(body)),
    source: { path: `${name}.yaml`, sha256: sha256(name) },
  };
}

export function input(plan: Plan, more: Partial<ExperimentInput> = {}): ExperimentInput {
  return { plan, parallelism: 100, heartbeatSeconds: 30, searchAttributes: true, ...more };
}

/** A search for x between 0 and 1, with a random start of five trials. */
export function searching(more: Partial<PlanSearch> = {}): PlanSearch {
  return {
    space: [{ name: 'x', type: 'real', low: 0, high: 1, log: false }],
    sampler: { type: 'tpe', options: { startup: 5 } },
    pruner: { type: 'none', options: {} },
    objectives: [{ metric: 'loss', direction: 'minimise' }],
    trials: 10,
    parallel: 4,
    lag: more.parallel ?? 4,
    first: [],
    ...more,
  };
}

/** `${{ search.<name> }}` */
export function tried(name: string): { $expr: Expression } {
  return { $expr: { op: 'member', of: { op: 'name', name: 'search' }, name } };
}
