import { paretoFront } from '../../search/pareto.ts';
import { canonicalJson } from '../../store/canonical.ts';
import type { Json } from '../../store/types.ts';
import { prunerFor } from './methods.ts';
import type { PlanSearch, PlanStep } from './types.ts';
import type { KnownPoint } from './value.ts';

/** The axes that a search adds to those of the matrix: which trial it is, and how long it was trained so far. */
export const TRIAL_AXIS = 'trial';
export const RUNG_AXIS = 'rung';

/** The points of one search: those of one combination of the matrix, and one seed. */
export function searchOf(step: PlanStep, axes: Readonly<Record<string, Json>>, seed: number | null): string {
  const own = Object.keys(axes)
    .filter((name) => !isOfTrial(step, name))
    .sort()
    .map((name) => [name, axes[name]!]);
  return canonicalJson([seed, ...own]);
}

function isOfTrial({ search }: PlanStep, name: string): boolean {
  if (name === TRIAL_AXIS || name === RUNG_AXIS) return true;
  return search?.space.some((dimension) => dimension.name === name) ?? false;
}

/** What a trial measured, in the order of the objectives; null if one of them is missing or no finite number. */
export function objectivesOf(search: PlanSearch, point: KnownPoint): number[] | null {
  if (point.status !== 'accepted') return null;
  const values = search.objectives.map(({ metric }) => point.metrics[metric]?.value);
  return values.every((value) => Number.isFinite(value)) ? (values as number[]) : null;
}

/**
 * What `steps.saes` means: of each search, the trials that were trained in full. A trial that failed or was stopped early
 * takes nothing with it, unless its search has no other: then it is all that there is to say of it.
 */
export function visibleTrials(step: PlanStep, points: readonly KnownPoint[]): KnownPoint[] {
  if (points.some(({ status }) => status === 'planned')) return [...points];
  return bySearch(step, points).flatMap((group) => {
    const whole = step.search?.parts?.whole;
    const complete = group.filter(
      (point) => point.status === 'accepted' && (whole === undefined || point.axes[RUNG_AXIS] === whole),
    );
    if (complete.length > 0) return complete;
    const failed = group.filter(({ status }) => status === 'failed');
    return failed.length > 0 ? failed : group;
  });
}

/** Of each search, the trial with the best objective; the first of equals. */
export function bestTrials(step: PlanStep, points: readonly KnownPoint[]): KnownPoint[] {
  return bySearch(step, points).map((group) => {
    const scored = scoresOf(step.search!, group);
    const [first] = scored;
    if (!first) return group.find(({ status }) => status === 'failed') ?? group[0]!;
    return scored.reduce((best, one) => (one.losses[0]! < best.losses[0]! ? one : best), first).point;
  });
}

/** Of each search, the trials that no other one equals in all objectives and betters in some. */
export function paretoTrials(step: PlanStep, points: readonly KnownPoint[]): KnownPoint[] {
  return bySearch(step, points).flatMap((group) => {
    const scored = scoresOf(step.search!, group);
    if (scored.length === 0) return group;
    return paretoFront(scored.map(({ losses }) => losses)).map((i) => scored[i]!.point);
  });
}

interface Scored {
  point: KnownPoint;
  /** Objectives, turned round where they are maximised: less is better. */
  losses: number[];
}

/** Those that measured the objectives, of the longest trained; a shorter training is no match for a longer one. */
function scoresOf(search: PlanSearch, points: readonly KnownPoint[]): Scored[] {
  const scored = points.flatMap((point) => {
    const objectives = objectivesOf(search, point);
    if (!objectives) return [];
    const losses = objectives.map((value, i) =>
      search.objectives[i]!.direction === 'minimise' ? value : -value,
    );
    return [{ point, losses }];
  });
  const lengthOf = ({ point }: Scored) => Number(point.axes[RUNG_AXIS] ?? 0);
  const longest = Math.max(...scored.map(lengthOf));
  return scored.filter((one) => lengthOf(one) === longest);
}

function bySearch(step: PlanStep, points: readonly KnownPoint[]): KnownPoint[][] {
  const groups = new Map<string, KnownPoint[]>();
  for (const point of points) {
    const name = searchOf(step, point.axes, point.seed);
    const group = groups.get(name);
    if (group) group.push(point);
    else groups.set(name, [point]);
  }
  return [...groups.values()];
}

/** The lengths at which a trial pauses to be judged, and the whole; a single null where it is one piece of work. */
export function rungsOf(search: PlanSearch, trial: number): (number | null)[] {
  const { parts } = search;
  if (!parts) return [null];
  const { rungs } = prunerFor(search);
  return [...(rungs ? rungs(trial, parts.whole) : parts.rungs), parts.whole];
}

/** The most parts that a trial is trained in: with Hyperband, trial 0 is of the bracket with the most. */
export const mostRungs = (search: PlanSearch): number => rungsOf(search, 0).length;
