import { NOTHING, type StepEstimate } from './estimate.ts';
import type { FindResult, PointForecast, StepForecast } from './forecast.ts';
import { KINDS } from './kinds/registry.ts';
import { timesCost } from './paid-calls.ts';
import { ExpansionError, expandKnown, expandSearches, mostPoints } from './plan/expand.ts';
import type { Lookup } from './plan/lookup.ts';
import { Search } from './plan/search.ts';
import type { ExpandedPoint, PlanStep } from './plan/types.ts';
import type { KnownPoint } from './plan/value.ts';
import { searchEstimate } from './search-estimate.ts';

/**
 * What a run would find of a search in the store: trials follow from each other's results, so it is gone through as a run
 * does, up to the trials that have none.
 */
export async function searchForecast(
  lookup: Lookup,
  step: PlanStep,
  find: FindResult,
): Promise<{ one: StepForecast; points: KnownPoint[] | undefined }> {
  const most = expandKnown(lookup, step).reduce(
    (sum, point) => sum + (point.status === 'planned' ? mostPoints(point, step) : 0),
    0,
  );
  const { bases, decided } = expandSearches(lookup, step);
  const walk = new Walk(find);
  for (const point of decided) walk.add(point);
  let finished = true;
  for (const base of bases) {
    const search = new Search(base, step, new Map());
    await walk.through(search);
    finished &&= search.finished;
  }
  const cached = walk.forecasts.filter(({ status }) => status === 'cached').length;
  const skipped = walk.forecasts.filter(({ status }) => status === 'skipped' || status === 'blocked').length;
  const run = finished ? 0 : most - cached;
  const unnamed = run - (walk.forecasts.length - cached - skipped);
  if (unnamed > 0) walk.forecasts.push({ id: `${step.id}[trial=?]`, status: 'open', count: unnamed });
  const definition = KINDS.get(step.kind);
  const whole = definition ? searchEstimate(definition, step, lookup) : NOTHING;
  return {
    one: { step, points: walk.forecasts, cached, run, skipped, estimate: shareOf(whole, run) },
    points: finished ? walk.states : undefined,
  };
}

/** Follows searches as far as the store has results. */
class Walk {
  readonly forecasts: PointForecast[] = [];
  readonly states: KnownPoint[] = [];

  constructor(private readonly find: FindResult) {}

  async through(search: Search): Promise<void> {
    for (;;) {
      const points = nextOf(search);
      if (points.length === 0) return;
      for (const entry of points) {
        if (entry.status !== 'ready') {
          this.add(entry);
          continue;
        }
        const { id, key, axes, seed } = entry.point;
        const result = await this.find(key);
        if (!result || 'invalid' in result) {
          const why = result && `its result cannot be used: ${result.invalid}`;
          this.forecasts.push({ id, status: 'run', count: 1, key, ...(why && { why }) });
          continue;
        }
        const { outputs, metrics } = result;
        const state = { status: 'accepted' as const, id, key, cached: true, axes, seed, outputs, metrics };
        this.forecasts.push({ id, status: 'cached', count: 1, key });
        this.states.push(state);
        search.decide(state);
      }
    }
  }

  /** A point that cannot run. */
  add(entry: Exclude<ExpandedPoint, { status: 'ready' }>): void {
    const { id, axes, seed, status } = entry;
    const why = status === 'skipped' ? entry.why : entry.error.message;
    this.forecasts.push({ id, status, count: 1, why });
    this.states.push(
      status === 'skipped'
        ? { status, id, axes, seed, why }
        : { status: 'failed', id, key: null, axes, seed, error: entry.error },
    );
  }
}

/** Nothing while inputs of the trials are still to be made. */
function nextOf(search: Search): ExpandedPoint[] {
  try {
    return search.next();
  } catch (error) {
    if (error instanceof ExpansionError && error.code === 'not-finished') return [];
    throw error;
  }
}

/** The part of an estimate that falls to so many of its points. */
function shareOf(whole: StepEstimate, points: number): StepEstimate {
  const share = whole.points === 0 ? 0 : points / whole.points;
  return {
    points,
    exact: points === 0,
    steps: whole.steps * share,
    seconds: whole.seconds * share,
    memoryBytes: points === 0 ? 0 : whole.memoryBytes,
    ...timesCost(whole, share),
  };
}
