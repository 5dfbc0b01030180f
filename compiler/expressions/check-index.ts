import { didYouMean } from '../diagnostics/suggest.ts';
import type { Expression } from '../plan/types.ts';
import { ANY, comparable, dataType, INTEGER, show, type Type } from '../types/type.ts';
import type { Ast } from './ast.ts';
import { check } from './check.ts';
import { type Axis, axesOf, type Checked, type Environment, need, type Report } from './environment.ts';

/** `list[0]`, `map["key"]`, and `steps.X[value]` for a step with one axis. */
export function checkIndex(ast: Extract<Ast, { op: 'index' }>, env: Environment, report: Report): Checked {
  const of = check(ast.of, env, report);
  const index = check(ast.index, env, report);
  const expression: Expression = { op: 'index', of: of.expression, index: index.expression };
  const { type } = of;
  if (type.type === 'points' && type.many && !type.selected) {
    return { type: pointAt(type, ast, index, env, report), expression };
  }
  const list =
    type.type === 'points' && type.many
      ? { type: 'list' as const, of: { ...type, many: false } }
      : (dataType(type) ?? ANY);
  if (list.type === 'list') {
    need(index.type, INTEGER, ast.index, 'A position in a list is', report);
    return { type: list.of, expression };
  }
  if (list.type !== 'any' && list.type !== 'map' && list.type !== 'feedback') {
    report('type-mismatch', ast.of, `${show(type)} cannot be indexed.`);
  }
  return { type: ANY, expression };
}

/** `steps.contrasts[matrix.model]`: the point whose only axis has that value. */
function pointAt(
  points: Extract<Type, { type: 'points' }>,
  ast: Extract<Ast, { op: 'index' }>,
  index: Checked,
  env: Environment,
  report: Report,
): Type {
  const axes = axesOf(env.steps.get(points.step), points.best);
  if (!axes || axes.size === 0) {
    report('bad-expression', ast.of, `${points.step} has a point for each seed, and no axis to index by.`);
    return ANY;
  }
  if (axes.size > 1) {
    const example = [...axes.keys()].map((name) => `'${name}', value`).join(', ');
    report(
      'bad-expression',
      ast.of,
      `${points.step} has ${axes.size} axes.`,
      `Use select(steps.${points.step}, ${example}).`,
    );
    return ANY;
  }
  const [[name, axis]] = axes as unknown as [[string, Axis]];
  checkAxisValue(points.step, name, axis, ast.index, index.type, report);
  const many = env.pooled && env.steps.get(points.step)?.seeding === 'per-seed';
  return { ...points, many, selected: many };
}

/** A value that an axis cannot have, by its type or, when it is written out, by itself. */
export function checkAxisValue(
  step: string,
  name: string,
  axis: Axis,
  ast: Ast,
  type: Type,
  report: Report,
): void {
  if (!comparable(axis.type, type)) {
    report('type-mismatch', ast, `The axis ${name} of ${step} is ${show(axis.type)}; this is ${show(type)}.`);
  } else if (ast.op === 'literal' && axis.labels && !axis.labels.some((label) => label === ast.value)) {
    const labels = axis.labels.map((label) => (typeof label === 'string' ? label : JSON.stringify(label)));
    report(
      'no-such-point',
      ast,
      `The axis ${name} of ${step} has no value ${JSON.stringify(ast.value)}.`,
      didYouMean(String(ast.value), labels, 'It has'),
    );
  }
}
