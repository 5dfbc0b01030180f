import type { Json } from '../../store/types.ts';
import { evaluate, resolveTree, type Scope } from './evaluate.ts';
import { pointKey } from './key.ts';
import { pointId, pointSummary } from './label.ts';
import { Lookup } from './lookup.ts';
import { type Combination, combinations } from './matrix.ts';
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

/** Expands with what is known before or during a run: points that wait for others are `planned`. */
export function expandKnown(lookup: Lookup, step: PlanStep): KnownExpansion {
  const { seeds } = lookup.plan;
  if (step.seeding !== 'per-seed') return pointsOf(lookup, step, null);
  return seeds.flatMap((seed) => pointsOf(lookup, step, seed));
}

function pointsOf(lookup: Lookup, step: PlanStep, seed: number | null): KnownExpansion {
  const scope: Scope = { lookup, seed, matrix: {} };
  if (!step.matrix) return [pointOf(scope, step, {})];
  let matrix: Combination[];
  try {
    matrix = combinationsOf(step, step.matrix, scope);
  } catch (error) {
    return [{ ...identityOf(scope, step, {}), ...unavailable(error) }];
  }
  const points = matrix.map((combination) => pointOf({ ...scope, matrix: combination }, step, combination));
  const seen = new Set<string>();
  for (const point of points) {
    if (point.status === 'planned' && point.open) continue;
    const { id } = 'point' in point ? point.point : point;
    if (seen.has(id)) throw new ExpansionError('duplicate-point', `two points of the matrix are ${id}`);
    seen.add(id);
  }
  return points;
}

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

function pointOf(scope: Scope, step: PlanStep, combination: Combination): ExpandedPoint | Planned {
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
    const complete = params as Point['params'];
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

function identityOf(scope: Scope, step: PlanStep, combination: Combination) {
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
