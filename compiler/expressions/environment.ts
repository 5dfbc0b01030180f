import type { Json } from '../../store/types.ts';
import type { Code } from '../diagnostics/codes.ts';
import type { KindDefinition } from '../kinds/types.ts';
import { TRIAL_AXIS } from '../plan/trials.ts';
import type { Expression, PlanSearch, PlanStep } from '../plan/types.ts';
import { ANY, dataType, INTEGER, isNumeric, show, type Type } from '../types/type.ts';

/** What an expression may refer to. */
export interface Environment {
  steps: ReadonlyMap<string, StepView>;
  inputs: ReadonlyMap<string, Type>;
  /** Inputs that have no value yet. */
  unset: ReadonlySet<string>;
  /** null: this is no part of a step with a matrix. */
  axes: ReadonlyMap<string, Axis> | null;
  /** What the search of the step tries; absent where there is none. */
  search?: ReadonlyMap<string, Axis>;
  /** The points of all seeds are seen at once. */
  pooled: boolean;
  /** Whether the file names a feedback; `inside`: this is a part of it. */
  hasFeedback: boolean | 'inside';
  /** Whether `secrets.NAME` may stand here. */
  secrets: boolean;
}

/** A step, as expressions see it. */
export interface StepView {
  id: string;
  /** Absent when its kind is not known: then nothing is said about it. */
  definition: KindDefinition | undefined;
  seeding: PlanStep['seeding'];
  axes: ReadonlyMap<string, Axis> | null;
  /** Of a step with a search: what tells its trials apart, beside the axes, and how many objectives it has. */
  search?: { dimensions: ReadonlyMap<string, Axis>; objectives: PlanSearch['objectives'] };
  /** Parameters known before the run, for the lengths of lists. */
  params: Readonly<Record<string, Json | undefined>>;
  /** Names of the parameters that it has, also those that only the run can tell. */
  given: ReadonlySet<string>;
}

/** What tells the points of a step apart, the best of its searches or all of its trials. null: nothing does. */
export function axesOf(step: StepView | undefined, best = false): ReadonlyMap<string, Axis> | null {
  if (!step?.search || best) return step?.axes ?? null;
  return new Map([...(step.axes ?? []), ...step.search.dimensions, [TRIAL_AXIS, TRIAL]]);
}

const TRIAL: Axis = { type: INTEGER, labels: null };

export interface Axis {
  type: Type;
  /** What its values are called; null when only the run can tell. */
  labels: readonly Json[] | null;
}

export type Report = (code: Code, at: { start: number; end: number }, message: string, hint?: string) => void;

export interface Checked {
  type: Type;
  expression: Expression;
}

/** Reports a type that does not fit: `< compares numbers; this is a list of metrics`. */
export function need(
  type: Type,
  wanted: Type,
  at: { start: number; end: number },
  who: string,
  report: Report,
): void {
  const data = dataType(type);
  if (
    data?.type === 'any' ||
    (data && wanted.type !== 'integer' && wanted.type !== 'number' && data.type === wanted.type)
  )
    return;
  if (wanted.type === 'number' && isNumeric(type)) return;
  if (wanted.type === 'integer' && data?.type === 'integer') return;
  const list = data?.type === 'list';
  const hint = !list
    ? undefined
    : type.type === 'list' || (type.type === 'points' && type.selected)
      ? 'Take one, with [0], or all with mean(...).'
      : 'Take one with select(...), or all with mean(...).';
  const numbers =
    wanted.type === 'boolean' ? 'true or false' : wanted.type === 'integer' ? 'an integer' : 'numbers';
  report('type-mismatch', at, `${who} ${numbers}; this is ${show(type)}.`, hint);
}

export const unknown = (): Checked => ({
  type: ANY,
  expression: { op: 'call', function: '$unknown', args: [] },
});
