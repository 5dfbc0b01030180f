import type { Json } from '../../store/types.ts';
import { printExpression } from '../expressions/print.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { Lookup } from './lookup.ts';
import type { Expression, Plan, PlanExpectation, States, Verdict } from './types.ts';
import { EvaluationError, plain, UNKNOWN, Unavailable } from './value.ts';

/**
 * Whether what was expected held: once a seed when the check refers to a step that runs per seed, else once. Pure and
 * sandbox-safe. A failed or skipped point that the check needs leaves it undecided.
 */
export function evaluateExpectation(plan: Plan, expectation: PlanExpectation, states: States): Verdict[] {
  const lookup = new Lookup(plan, states);
  const perSeed = expectation.needs.some((id) => lookup.step(id)?.seeding === 'per-seed');
  const seeds = perSeed ? plan.seeds : [null];
  return seeds.map((seed) => verdict(expectation.expression, { lookup, seed, matrix: {} }));
}

function verdict(expression: Expression, scope: Scope): Verdict {
  const { seed } = scope;
  const values = referenced(expression, scope);
  try {
    const held = evaluate(expression, scope);
    if (held === UNKNOWN) return { seed, held: null, why: 'a step that it needs has not finished', values };
    if (typeof held !== 'boolean') return { seed, held: null, why: 'it is neither true nor false', values };
    return { seed, held, values };
  } catch (error) {
    if (error instanceof Unavailable || error instanceof EvaluationError) {
      return { seed, held: null, why: error.message, values };
    }
    throw error;
  }
}

/** The value of each longest reference to a step in the expression, by its text. */
function referenced(
  expression: Expression,
  scope: Scope,
  values: Record<string, Json> = {},
): Record<string, Json> {
  if (isReference(expression)) {
    try {
      const value = plain(evaluate(expression, scope));
      if (value !== UNKNOWN) values[printExpression(expression)] = value;
    } catch (error) {
      if (!(error instanceof Unavailable || error instanceof EvaluationError)) throw error;
    }
    return values;
  }
  for (const part of partsOf(expression)) referenced(part, scope, values);
  return values;
}

function isReference(expression: Expression): boolean {
  if (expression.op === 'member')
    return (expression.of.op === 'name' && expression.of.name === 'steps') || isReference(expression.of);
  if (expression.op === 'call') {
    const [of] = expression.args;
    return expression.function === 'select' || (expression.function === '$single' && !!of && isReference(of));
  }
  return expression.op === 'index' && isReference(expression.of);
}

function partsOf(expression: Expression): Expression[] {
  if (expression.op === 'call') return expression.args;
  if (expression.op === 'unary') return [expression.of];
  if (expression.op === 'binary') return [expression.left, expression.right];
  if (expression.op === 'member') return [expression.of];
  if (expression.op === 'index') return [expression.of, expression.index];
  return [];
}
