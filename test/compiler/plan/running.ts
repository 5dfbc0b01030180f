import { expandStep } from '../../../compiler/plan/expand.ts';
import { sha256Hex } from '../../../compiler/plan/label.ts';
import type { ExpandedPoint, Plan, Point, PointState, States } from '../../../compiler/plan/types.ts';
import type { ArtifactRef, Json, Metric, PointOutputs } from '../../../store/types.ts';
import { stepOf } from '../compiling.ts';

export const artifact = (type: ArtifactRef['$artifact'], content: string): ArtifactRef => ({
  $artifact: type,
  digest: sha256Hex(content),
});

export const accepted = (
  point: Point,
  outputs: PointOutputs['outputs'],
  metrics: Record<string, Metric> = {},
): PointState => ({
  status: 'accepted',
  id: point.id,
  key: point.key,
  cached: false,
  axes: point.axes,
  seed: point.seed,
  outputs,
  metrics,
});

export const failed = ({ id, key, axes, seed }: Point): PointState => ({
  status: 'failed',
  id,
  key,
  axes,
  seed,
  error: { code: 'nan-loss', message: 'the loss is no number' },
});

/** The points of a step that can run. */
export const ready = (entries: readonly ExpandedPoint[]): Point[] =>
  entries.map((entry) => {
    if (entry.status !== 'ready') throw new Error(JSON.stringify(entry));
    return entry.point;
  });

/** Walks the plan as a run does; `outcome` says what becomes of each point. */
export function walk(
  plan: Plan,
  outcome: (point: Point) => PointState,
): { states: States; entries: Record<string, ExpandedPoint[]> } {
  const states: Record<string, PointState[]> = {};
  const entries: Record<string, ExpandedPoint[]> = {};
  for (const { id } of plan.steps) {
    const expanded = expandStep(plan, stepOf(plan, id), states);
    entries[id] = expanded;
    states[id] = expanded.map((entry) => {
      if (entry.status === 'ready') return outcome(entry.point);
      const { id: point, axes, seed } = entry;
      return entry.status === 'skipped'
        ? { status: 'skipped', id: point, axes, seed, why: entry.why }
        : { status: 'failed', id: point, key: null, axes, seed, error: entry.error };
    });
  }
  return { states, entries };
}

/** Gives each point of a step some output of its own: an artifact of this type under this name, and these values. */
export function giving(
  outputs: Record<string, Record<string, ArtifactRef['$artifact'] | { value: Json }>>,
  metrics: Record<string, number> = {},
) {
  return (point: Point): PointState => {
    const declared = outputs[point.step] ?? {};
    const values = Object.entries(declared).map(([name, type]) => [
      name,
      typeof type === 'string' ? artifact(type, point.key) : type.value,
    ]);
    return accepted(
      point,
      Object.fromEntries(values) as PointOutputs['outputs'],
      Object.fromEntries(
        Object.entries(metrics).map(([name, value]) => [
          name,
          { value, ci_low: value - 1, ci_high: value + 1 },
        ]),
      ),
    );
  };
}
