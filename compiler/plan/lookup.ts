import { canonicalJson } from '../../store/canonical.ts';
import type { Json } from '../../store/types.ts';
import { visibleTrials } from './trials.ts';
import type { Plan, PlanStep } from './types.ts';
import { type KnownPoint, PointsValue, PointValue, UNKNOWN, type Value } from './value.ts';

/** The points of each step; a step whose points are not known yet (a run-time axis) is absent. */
export type KnownStates = Readonly<Record<string, readonly KnownPoint[] | undefined>>;

/** Finds points of steps, as one point of another step sees them. Selections are indexed: ten thousand of them take no time. */
export class Lookup {
  private readonly steps: ReadonlyMap<string, PlanStep>;
  private readonly bySeed = new Map<string, readonly KnownPoint[]>();
  private readonly indices = new Map<string, Map<string, KnownPoint[]>>();

  constructor(
    readonly plan: Plan,
    private readonly states: KnownStates,
  ) {
    this.steps = new Map(plan.steps.map((step) => [step.id, step]));
  }

  step(id: string): PlanStep | undefined {
    return this.steps.get(id);
  }

  /** `steps.ID`, seen from a point with this seed (null: from one that sees all seeds). */
  reference(id: string, seed: number | null): Value {
    const step = this.steps.get(id);
    const points = step && this.points(step, seed);
    if (!step || !points) return UNKNOWN;
    if (step.search) return new PointsValue(step, visibleTrials(step, points));
    if (step.matrix || (seed === null && step.seeding === 'per-seed')) return new PointsValue(step, points);
    return points[0] ? new PointValue(step, points[0]) : UNKNOWN;
  }

  /** The points of `points` whose axes have these values. UNKNOWN when the step's points are not known yet. */
  select(points: PointsValue, seed: number | null, axes: readonly [string, string][]): KnownPoint[] {
    const names = axes.map(([name]) => name);
    const name = `${points.step.id} ${seed} ${names.join(' ')}`;
    const whole = this.points(points.step, seed);
    // A selection of a selection has points of its own: it is searched.
    const index = points.points === whole ? this.index(name, whole, names) : indexed(points.points, names);
    return index.get(axes.map(([, value]) => value).join('\u0000')) ?? [];
  }

  private points(step: PlanStep, seed: number | null): readonly KnownPoint[] | undefined {
    const all = this.states[step.id];
    if (!all || seed === null || step.seeding !== 'per-seed') return all;
    const key = `${step.id} ${seed}`;
    let own = this.bySeed.get(key);
    if (!own) {
      own = all.filter((point) => point.seed === seed);
      this.bySeed.set(key, own);
    }
    return own;
  }

  private index(
    name: string,
    points: readonly KnownPoint[],
    axes: readonly string[],
  ): Map<string, KnownPoint[]> {
    let index = this.indices.get(name);
    if (!index) {
      index = indexed(points, axes);
      this.indices.set(name, index);
    }
    return index;
  }
}

function indexed(points: readonly KnownPoint[], axes: readonly string[]): Map<string, KnownPoint[]> {
  const index = new Map<string, KnownPoint[]>();
  for (const point of points) {
    const key = axes.map((axis) => canonicalJson((point.axes[axis] ?? null) as Json)).join('\u0000');
    const found = index.get(key);
    if (found) found.push(point);
    else index.set(key, [point]);
  }
  return index;
}
