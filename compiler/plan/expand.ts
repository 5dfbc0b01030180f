import type { Json } from '../../store/types.ts';
import { evaluate, resolveTree, type Scope } from './evaluate.ts';
import { pointKey } from './key.ts';
import { pointId, pointSummary } from './label.ts';
import { Lookup } from './lookup.ts';
import { type Combination, combinations } from './matrix.ts';
import { mostRungs, RUNG_AXIS, TRIAL_AXIS } from './trials.ts';
import type {
  ExpandedPoint,
  Expression,
  ParamTree,
  Plan,
  PlanMatrix,
  PlanStep,
  Point,
  PointError,
  States,
} from './types.ts';
import {
  EvaluationError,
  identity,
  PointsValue,
  PointValue,
  plain,
  UNKNOWN,
  Unavailable,
  type Value,
} from './value.ts';

/**
 * The points of a step, in expansion order: seeds outermost, then axes by name, the last varying fastest. Pure and
 * sandbox-safe; shared by the CLI and the workflow.
 *
 * @param states of every step in `step.needs`
 * @throws ExpansionError when a run-time axis gives more than its bound, the same value twice, or no list
 */
export function expandStep(plan: Plan, step: PlanStep, states: States): ExpandedPoint[] {
  return expandKnown(new Lookup(plan, states), step).map((point) => {
    if (point.status !== 'planned') return point;
    throw new ExpansionError(
      'not-finished',
      `${point.id} needs a step that has not finished: ${step.needs.join(', ')}`,
    );
  });
}

/** The step cannot be expanded at all. A failure of the step, not retryable. */
export class ExpansionError extends Error {
  override name = 'ExpansionError';

  constructor(
    readonly code: string,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** A point whose parameters the run will complete. */
export interface Planned {
  status: 'planned';
  id: string;
  summary: string;
  axes: Record<string, Json>;
  seed: number | null;
  /** What is known of them; UNKNOWN in the place of the rest. */
  params: { [key: string]: Value };
  /** It stands for all the points along an axis that only the run can tell. */
  open: boolean;
}

export type KnownExpansion = (ExpandedPoint | Planned)[];

/**
 * Expands with what is known before or during a run: points that wait for others are `planned`. Of a step with a search, one
 * `planned` point stands for all the trials of each combination.
 * @param trial what a trial might try, to see what that would give
 */
export function expandKnown(
  lookup: Lookup,
  step: PlanStep,
  trial?: Readonly<Record<string, Json>>,
): KnownExpansion {
  const { seeds } = lookup.plan;
  if (step.seeding !== 'per-seed') return pointsOf(lookup, step, null, trial);
  return seeds.flatMap((seed) => pointsOf(lookup, step, seed, trial));
}

/** The most points that a planned one stands for: every axis that only the run can tell may be as long as the matrix is bounded by. */
export function mostPoints({ open, axes }: Planned, step: PlanStep): number {
  if (!open) return 1;
  const unknown = Object.entries(axes).filter(
    ([name, value]) => value === OPEN_AXIS && !(step.search && name === TRIAL_AXIS),
  );
  const combinations = unknown.length === 0 ? 1 : (step.matrix?.bound ?? 1) ** unknown.length;
  return step.search ? combinations * step.search.trials * mostRungs(step.search) : combinations;
}

function pointsOf(
  lookup: Lookup,
  step: PlanStep,
  seed: number | null,
  trial?: Readonly<Record<string, Json>>,
): KnownExpansion {
  const scope: Scope = { lookup, seed, matrix: {}, ...(trial && { search: trial }) };
  const one = (combination: Combination) =>
    (step.search ? allTrials : pointOf)({ ...scope, matrix: combination }, step, combination);
  if (!step.matrix) return [one({})];
  let matrix: Combination[];
  try {
    matrix = combinationsOf(step, step.matrix, scope);
  } catch (error) {
    return [{ ...identityOf(scope, step, {}), ...unavailable(error) }];
  }
  const points = matrix.map(one);
  const seen = new Set<string>();
  for (const point of points) {
    if (point.status === 'planned' && point.open) continue;
    const { id } = 'point' in point ? point.point : point;
    if (seen.has(id)) throw new ExpansionError('duplicate-point', `two points of the matrix are ${id}`);
    seen.add(id);
  }
  return points;
}

/** All trials of a search as one point: what is known of them before any is chosen. */
function allTrials(scope: Scope, step: PlanStep, combination: Combination): ExpandedPoint | Planned {
  const point = pointOf(scope, step, combination);
  if (point.status !== 'planned' && point.status !== 'ready') return point;
  const own = point.status === 'ready' ? point.point : point;
  const params = own.params as Planned['params'];
  const axes = { ...own.axes, [TRIAL_AXIS]: OPEN_AXIS };
  const id = pointId(step.id, axes, shownSeed(scope));
  return { status: 'planned', id, summary: id, axes, seed: own.seed, params, open: true };
}

/** Where the trials of one search come from: one combination of the matrix, under one seed. */
export interface SearchBase {
  scope: Scope;
  combination: Combination;
}

/**
 * The searches of a step, and what stands for those that cannot begin.
 * @throws ExpansionError as `expandStep`
 */
export function expandSearches(
  lookup: Lookup,
  step: PlanStep,
): { bases: SearchBase[]; decided: Exclude<ExpandedPoint, { status: 'ready' }>[] } {
  const bases: SearchBase[] = [];
  const decided: Exclude<ExpandedPoint, { status: 'ready' }>[] = [];
  for (const seed of step.seeding === 'per-seed' ? lookup.plan.seeds : [null]) {
    const scope: Scope = { lookup, seed, matrix: {} };
    let matrix: Combination[] = [{}];
    try {
      if (step.matrix) matrix = combinationsOf(step, step.matrix, scope);
    } catch (error) {
      decided.push({ ...identityOf(scope, step, {}), ...unavailable(error) });
      continue;
    }
    for (const combination of matrix) {
      const own = { ...scope, matrix: combination };
      const point = allTrials(own, step, combination);
      if (point.status === 'planned') bases.push({ scope: own, combination });
      else if (point.status !== 'ready') decided.push(point);
    }
  }
  return { bases, decided };
}

/** A trial as a point, or a part of it: `change` says how its parameters differ from what the file says. */
export function trialPoint(
  { scope, combination }: SearchBase,
  step: PlanStep,
  trial: { number: number; values: Readonly<Record<string, Json>>; rung: number | null },
  change: Readonly<Record<string, Json>>,
): ExpandedPoint {
  const { number, values, rung } = trial;
  const point = pointOf({ ...scope, search: values }, step, combination, change);
  const axes = 'point' in point ? point.point.axes : point.axes;
  const own = { [TRIAL_AXIS]: number, ...(rung !== null && { [RUNG_AXIS]: rung }) };
  const seed = shownSeed(scope);
  const identity = {
    // The values of a trial are many and long: its number says which they are.
    id: pointId(step.id, { ...axes, ...own }, seed),
    axes: { ...axes, ...values, ...own },
    seed: scope.seed,
  };
  if (point.status === 'planned')
    throw new ExpansionError('not-finished', `${identity.id} needs a step that has not finished`);
  if (point.status !== 'ready') return { ...point, ...identity };
  const summary = pointSummary(step.id, { ...identity.axes, ...shortened(values) }, seed);
  return { status: 'ready', point: { ...point.point, ...identity, summary } };
}

/** For people: four digits of a number. */
const shortened = (values: Readonly<Record<string, Json>>): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'number' ? Number(value.toPrecision(4)) : value,
    ]),
  );

function combinationsOf(step: PlanStep, matrix: PlanMatrix, scope: Scope): Combination[] {
  const axes: { name: string; values: Value[] }[] = [];
  for (const { name, values } of matrix.axes) {
    const found = Array.isArray(values)
      ? values.map((value) => axisValue(value, scope))
      : runTimeAxis(step, name, values, scope);
    const distinct = new Set<string>();
    for (const value of found) {
      const key = identity(value);
      if (key === UNKNOWN) continue;
      if (distinct.has(key))
        throw new ExpansionError('duplicate-axis-value', `the axis ${name} of ${step.id} has ${key} twice`);
      distinct.add(key);
    }
    axes.push({ name, values: found });
  }
  const side = (entries: PlanMatrix['include']): Combination[] =>
    entries.map((entry) =>
      Object.fromEntries(
        Object.entries(entry).map(([name, value]): [string, Value] => [name, axisValue(value, scope)]),
      ),
    );
  return combinations(axes, side(matrix.include), side(matrix.exclude));
}

/** Points on an axis stay points: their name is the axis' label, and one that failed takes only its own point with it. */
function axisValue(tree: ParamTree, scope: Scope): Value {
  if (tree !== null && typeof tree === 'object' && '$expr' in tree)
    return evaluate(tree.$expr as Expression, scope);
  return resolveTree(tree, scope);
}

function runTimeAxis(step: PlanStep, name: string, values: { $expr: Expression }, scope: Scope): Value[] {
  const found = evaluate(values.$expr, scope);
  const list =
    found instanceof PointsValue
      ? found.values().filter(({ point }) => point.status !== 'skipped')
      : Array.isArray(found)
        ? found
        : plain(found);
  // What the list will hold is not known: one value stands for all.
  if (list === UNKNOWN) return [UNKNOWN];
  if (!Array.isArray(list)) {
    throw new ExpansionError(
      'axis-not-a-list',
      `the axis ${name} of ${step.id} is no list when the run gets there`,
    );
  }
  const bound = step.matrix!.bound;
  if (list.length > bound) {
    throw new ExpansionError(
      'axis-over-bound',
      `the axis ${name} of ${step.id} has ${list.length} values; the plan allows ${bound}`,
      `Raise at-most of ${step.id}, or make the list shorter.`,
    );
  }
  return list as Value[];
}

function pointOf(
  scope: Scope,
  step: PlanStep,
  combination: Combination,
  change: Readonly<Record<string, Json>> = {},
): ExpandedPoint | Planned {
  const own = identityOf(scope, step, combination);
  try {
    requireComplete(step, scope);
    const condition = step.if === undefined ? true : resolveTree(step.if, scope);
    if (condition === false) return { status: 'skipped', ...own, why: 'its `if` is false' };
    if (condition !== true && condition !== UNKNOWN) {
      throw new EvaluationError('no-value', 'its `if` is neither true nor false');
    }
    const { params, whole } = paramsOf(step, scope);
    const open = Object.values(combination).includes(UNKNOWN);
    const summary = pointSummary(step.id, own.axes, shownSeed(scope));
    if (open || !whole || condition === UNKNOWN) return { status: 'planned', ...own, summary, params, open };
    const complete = { ...params, ...change } as Point['params'];
    const key = pointKey(
      step.kind,
      step.kindVersion,
      complete,
      step.notInKey,
      step.seedInKey ? scope.seed : null,
    );
    return { status: 'ready', point: { step: step.id, ...own, summary, params: complete, key } };
  } catch (error) {
    return { ...own, ...unavailable(error) };
  }
}

/** Steps named under `needs:` count as a whole, whether or not anything of theirs is used. */
function requireComplete(step: PlanStep, scope: Scope): void {
  const failed: string[] = [];
  for (const id of step.requires) {
    const value = scope.lookup.reference(id, scope.seed);
    const points =
      value instanceof PointsValue ? value.points : value instanceof PointValue ? [value.point] : [];
    for (const point of points) if (point.status === 'failed') failed.push(point.id);
  }
  if (failed.length > 0) throw new Unavailable(failed, []);
}

/** All parameters; every failed point behind any of them is reported at once. */
function paramsOf(step: PlanStep, scope: Scope): { params: Record<string, Value>; whole: boolean } {
  const params: Record<string, Value> = {};
  const failed = new Set<string>();
  const skipped = new Set<string>();
  let whole = true;
  for (const name of Object.keys(step.params)) {
    try {
      const value = resolveTree(step.params[name]!, scope);
      if (value !== undefined) params[name] = value;
      if (whole && !complete(value)) whole = false;
    } catch (error) {
      if (error instanceof EvaluationError) error.parameter = name;
      if (!(error instanceof Unavailable)) throw error;
      for (const id of error.failed) failed.add(id);
      for (const id of error.skipped) skipped.add(id);
    }
  }
  if (failed.size > 0 || skipped.size > 0) throw new Unavailable([...failed], [...skipped]);
  return { params, whole };
}

function complete(value: Value): boolean {
  if (value === UNKNOWN) return false;
  if (value === null || typeof value !== 'object') return true;
  return Object.values(value).every(complete);
}

function unavailable(
  error: unknown,
): { status: 'blocked'; by: string[]; error: PointError } | { status: 'skipped'; why: string } {
  if (error instanceof Unavailable) {
    if (error.failed.length === 0) return { status: 'skipped', why: error.message };
    return { status: 'blocked', by: [...error.failed], error: { code: 'blocked', message: error.message } };
  }
  if (error instanceof EvaluationError) {
    const { code, message, hint, parameter } = error;
    return {
      status: 'blocked',
      by: [],
      error: {
        code,
        message,
        ...(hint !== undefined && { hint }),
        ...(parameter !== undefined && { parameter }),
      },
    };
  }
  throw error;
}

/** What a point is called, whatever becomes of it. */
export function identityOf(scope: Scope, step: PlanStep, combination: Combination) {
  const axes: Record<string, Json> = {};
  for (const name of Object.keys(combination).sort()) {
    const value = combination[name];
    const known = value instanceof PointValue ? value.label : plain(value);
    axes[name] = known === UNKNOWN ? OPEN_AXIS : known;
  }
  return { id: pointId(step.id, axes, shownSeed(scope)), axes, seed: scope.seed };
}

/** How a value that only the run can tell is shown: `saes[layer=?,variant=topk]`. */
const OPEN_AXIS = '?';

const shownSeed = (scope: Scope) => (scope.lookup.plan.seeds.length > 1 ? scope.seed : null);
