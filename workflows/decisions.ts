import type { ExpandedPoint, PointState } from '../compiler/plan/types.ts';
import type { Counts, DecidedPoint, Decision } from './types.ts';

/** How many decisions are kept for those who watch. */
const KEPT = 50;

/** What has been decided in a step: counts, and the latest decisions for those who watch. */
export class DecisionLog {
  readonly recent: Decision[] = [];
  private readonly decisions = new Map<string, Decision['what']>();

  /** A point that is decided again (it was retried) counts once, as its latest decision. */
  add({ state, at, seconds }: DecidedPoint): void {
    const what = kindOf(state);
    this.decisions.set(state.id, what);
    this.recent.push({
      point: state.id,
      what,
      at,
      seconds,
      ...(state.status === 'accepted' && firstMetric(state.metrics)),
      ...(state.status === 'failed' && { error: state.error }),
    });
    if (this.recent.length > KEPT) this.recent.shift();
  }

  counts(): Omit<Counts, 'total'> {
    return countDecisions(this.decisions.values());
  }
}

export function kindOf(state: DecidedPoint['state']): Decision['what'] {
  if (state.status === 'skipped') return 'skipped';
  if (state.status === 'failed') return state.error.code === 'blocked' ? 'blocked' : 'failed';
  return state.cached ? 'cached' : 'computed';
}

export function countDecisions(decisions: Iterable<Decision['what']>): Omit<Counts, 'total'> {
  const counts = { computed: 0, cached: 0, failed: 0, blocked: 0, skipped: 0 };
  for (const what of decisions) counts[what] += 1;
  return counts;
}

export function decidedCount(counts: Omit<Counts, 'total'>): number {
  return counts.computed + counts.cached + counts.failed + counts.blocked + counts.skipped;
}

export function addCounts(a: Omit<Counts, 'total'>, b: Omit<Counts, 'total'>): Omit<Counts, 'total'> {
  return {
    computed: a.computed + b.computed,
    cached: a.cached + b.cached,
    failed: a.failed + b.failed,
    blocked: a.blocked + b.blocked,
    skipped: a.skipped + b.skipped,
  };
}

function firstMetric(metrics: Record<string, { value: number }>): Pick<Decision, 'metric'> {
  const first = Object.entries(metrics)[0];
  return first ? { metric: { name: first[0], value: first[1].value } } : {};
}

/** The decision about a point that cannot run. */
export function undecidable(entry: Exclude<ExpandedPoint, { status: 'ready' }>): DecidedPoint {
  const { id, axes, seed } = entry;
  const state: PointState =
    entry.status === 'skipped'
      ? { status: 'skipped', id, axes, seed, why: entry.why }
      : { status: 'failed', id, key: null, axes, seed, error: entry.error };
  return { state, at: Date.now(), seconds: 0, dollars: 0 };
}
