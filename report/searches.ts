import { RUNG_AXIS, searchOf, TRIAL_AXIS } from '../compiler/plan/trials.ts';
import type { PlanSearch, PlanStep } from '../compiler/plan/types.ts';
import type { Trial, Value } from '../search/types.ts';
import type { ReportPoint, ReportRun } from './run.ts';

/** One search of the run, read back from its points. */
export interface ReportSearch {
  /** `layer=3`; the step's name where there is one search only. */
  label: string;
  step: PlanStep;
  search: PlanSearch;
  trials: ReportTrial[];
}

export interface ReportTrial extends Trial {
  /** Its last point: all other metrics are there. */
  point: ReportPoint;
  /** How far it was trained; null where it is one piece of work. */
  length: number | null;
}

/** The searches of a step, in the order of its points. */
export function searchesOf(run: ReportRun, step: PlanStep): ReportSearch[] {
  const { search } = step;
  if (!search) return [];
  const groups = new Map<string, ReportPoint[]>();
  for (const point of run.points) {
    if (point.step !== step.id || point.axes[TRIAL_AXIS] === undefined) continue;
    const name = searchOf(step, point.axes, point.seed);
    groups.set(name, [...(groups.get(name) ?? []), point]);
  }
  return [...groups.values()].map((points) => ({
    label: labelOf(step, points[0] as ReportPoint),
    step,
    search,
    trials: trialsOf(search, points),
  }));
}

function labelOf(step: PlanStep, { axes, seed, id }: ReportPoint): string {
  const own = (step.matrix?.axes ?? []).map(({ name }) => `${name}=${String(axes[name])}`);
  if (seed !== null && /seed=/.test(id)) own.push(`seed=${seed}`);
  return own.length > 0 ? own.join(' ') : step.id;
}

function trialsOf(search: PlanSearch, points: readonly ReportPoint[]): ReportTrial[] {
  const byTrial = new Map<number, ReportPoint[]>();
  for (const point of points) {
    const number = Number(point.axes[TRIAL_AXIS]);
    byTrial.set(number, [...(byTrial.get(number) ?? []), point]);
  }
  return [...byTrial].sort(([a], [b]) => a - b).map(([number, parts]) => trialOf(search, number, parts));
}

function trialOf(search: PlanSearch, number: number, parts: readonly ReportPoint[]): ReportTrial {
  const inOrder = [...parts].sort((a, b) => lengthOf(a) - lengthOf(b));
  const last = inOrder.at(-1) as ReportPoint;
  const objectives = objectivesOf(search, last);
  const whole = search.parts === undefined || last.axes[RUNG_AXIS] === search.parts.whole;
  return {
    number,
    values: Object.fromEntries(search.space.map(({ name }) => [name, last.axes[name] as Value])),
    state: objectives === null ? 'failed' : whole ? 'complete' : 'pruned',
    objectives,
    reports: inOrder.flatMap((point) => {
      const value = objectivesOf(search, point)?.[0];
      return value === undefined ? [] : [{ step: lengthOf(point), value }];
    }),
    point: last,
    length: search.parts ? lengthOf(last) : null,
  };
}

const lengthOf = ({ axes }: ReportPoint) => Number(axes[RUNG_AXIS] ?? 1);

function objectivesOf(search: PlanSearch, { record }: ReportPoint): number[] | null {
  const values = search.objectives.map(({ metric }) => record?.metrics[metric]?.value);
  return values.every((value) => Number.isFinite(value)) ? (values as number[]) : null;
}
