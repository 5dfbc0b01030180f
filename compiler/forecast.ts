import type { PointOutputs } from '../store/types.ts';
import { estimatePoint, NOTHING, plus, type StepEstimate, type Totals, totals } from './estimate.ts';
import { KINDS } from './kinds/registry.ts';
import { expandKnown, type KnownExpansion, mostPoints } from './plan/expand.ts';
import { Lookup } from './plan/lookup.ts';
import { type ReadPoint, readerKey } from './plan/reader-key.ts';
import type { Plan, PlanStep } from './plan/types.ts';
import type { KnownPoint, Value } from './plan/value.ts';
import { searchForecast } from './search-forecast.ts';

/** What a store knows of a key: its result, nothing, or why it cannot be used. */
export type FindResult = (key: string) => Promise<PointOutputs | { invalid: string } | null>;

export interface PointForecast {
  id: string;
  /** `open` stands for all points along an axis that only the run can tell, at most `count` of them. */
  status: 'cached' | 'run' | 'open' | 'skipped' | 'blocked';
  count: number;
  /** Known once all its inputs are. */
  key?: string;
  why?: string;
}

export interface StepForecast {
  step: PlanStep;
  points: PointForecast[];
  cached: number;
  /** Points to run, at most. */
  run: number;
  skipped: number;
  /** Of the points to run. */
  estimate: StepEstimate;
}

export interface Forecast {
  steps: StepForecast[];
  /** Of the points to run. */
  total: Totals;
  cached: number;
}

/** Lookups at the same time: a store on the network answers slowly, and a plan has thousands of points. */
const AT_ONCE = 64;

/**
 * What a run of the plan would do now: a point is cached if all its inputs are known and the store has its result; else it
 * will run, and what needs it cannot be known yet.
 */
export async function forecast(plan: Plan, find: FindResult): Promise<Forecast> {
  const states: Record<string, readonly KnownPoint[] | undefined> = {};
  const lookup = new Lookup(plan, states);
  const steps: StepForecast[] = [];
  for (const step of plan.steps) {
    if (step.search) {
      const { one, points } = await searchForecast(lookup, step, find);
      states[step.id] = points;
      steps.push(one);
      continue;
    }
    const points = expandKnown(lookup, step);
    if (step.readsRun) giveReaderKeys(plan, points, states);
    const found = await results(points, find);
    const one = stepForecast(step, points, found);
    states[step.id] = statesOf(points, found);
    steps.push(one);
  }
  return {
    steps,
    total: totals(steps.map(({ step, estimate }) => ({ queue: step.queue, estimate }))),
    cached: steps.reduce((sum, { cached }) => sum + cached, 0),
  };
}

type Found = Map<string, PointOutputs | { invalid: string }>;

/** The key of a step that reads the whole run covers what it reads: it is known once all of that is. */
function giveReaderKeys(
  plan: Plan,
  points: KnownExpansion,
  states: Readonly<Record<string, readonly KnownPoint[] | undefined>>,
): void {
  const read: ReadPoint[] = [];
  for (const { id, readsRun } of plan.steps) {
    if (readsRun) continue;
    for (const state of states[id] ?? [null]) {
      if (state === null || state.status === 'planned') {
        points.forEach((point, i) => {
          if (point.status !== 'ready') return;
          const { id, summary, axes, seed, params } = point.point;
          points[i] = {
            status: 'planned',
            id,
            summary,
            axes,
            seed,
            params: params as Record<string, Value>,
            open: false,
          };
        });
        return;
      }
      read.push({
        id: state.id,
        status: state.status,
        key: 'key' in state ? state.key : null,
        ...(state.status === 'failed' && { error: state.error }),
      });
    }
  }
  for (const point of points) {
    if (point.status === 'ready') point.point.key = readerKey(point.point, plan, read);
  }
}

async function results(points: KnownExpansion, find: FindResult): Promise<Found> {
  const found: Found = new Map();
  const keys = points.flatMap((point) => (point.status === 'ready' ? [point.point.key] : []));
  let next = 0;
  const worker = async () => {
    while (next < keys.length) {
      const key = keys[next++]!;
      const result = await find(key);
      if (result) found.set(key, result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, keys.length) }, worker));
  return found;
}

function stepForecast(step: PlanStep, points: KnownExpansion, found: Found): StepForecast {
  const definition = KINDS.get(step.kind);
  const forecasts: PointForecast[] = [];
  let estimate: StepEstimate = NOTHING;
  let cached = 0;
  let skipped = 0;
  for (const point of points) {
    if (point.status === 'skipped' || point.status === 'blocked') {
      const why = point.status === 'skipped' ? point.why : point.error.message;
      forecasts.push({ id: point.id, status: point.status, count: 1, why });
      skipped++;
      continue;
    }
    const ready = point.status === 'ready' ? point.point : null;
    const result = ready && found.get(ready.key);
    if (ready && result && !('invalid' in result)) {
      forecasts.push({ id: ready.id, status: 'cached', count: 1, key: ready.key });
      cached++;
      continue;
    }
    const open = point.status === 'planned' && point.open;
    const count = point.status === 'planned' ? mostPoints(point, step) : 1;
    const params = (ready?.params ?? (point as { params: unknown }).params) as Record<string, Value>;
    if (definition) estimate = plus(estimate, estimatePoint(definition, params), count, !open);
    forecasts.push({
      id: ready?.id ?? (point as { id: string }).id,
      status: open ? 'open' : 'run',
      count,
      ...(ready && { key: ready.key }),
      ...(result && 'invalid' in result && { why: `its result cannot be used: ${result.invalid}` }),
    });
  }
  return { step, points: forecasts, cached, run: estimate.points, skipped, estimate };
}

function statesOf(points: KnownExpansion, found: Found): KnownPoint[] | undefined {
  const states: KnownPoint[] = [];
  for (const point of points) {
    if (point.status === 'planned' && point.open) return undefined;
    if (point.status === 'ready') {
      const { id, key, axes, seed } = point.point;
      const result = found.get(key);
      if (result && !('invalid' in result)) {
        states.push({
          status: 'accepted',
          id,
          key,
          cached: true,
          axes,
          seed,
          outputs: result.outputs,
          metrics: result.metrics,
        });
      } else states.push({ status: 'planned', id, axes, seed });
      continue;
    }
    const { id, axes, seed } = point;
    if (point.status === 'skipped') states.push({ status: 'skipped', id, axes, seed, why: point.why });
    else if (point.status === 'blocked')
      states.push({ status: 'failed', id, key: null, axes, seed, error: point.error });
    else states.push({ status: 'planned', id, axes, seed });
  }
  return states;
}
