import type { Json } from '../../store/types.ts';
import { FUNCTIONS } from '../expressions/functions.ts';
import { printExpression } from '../expressions/print.ts';
import { axisLabel } from './label.ts';
import type { Lookup } from './lookup.ts';
import { bestTrials, paretoTrials } from './trials.ts';
import type { Expression, ParamTree } from './types.ts';
import {
  accepted,
  available,
  EvaluationError,
  identity,
  isMetric,
  numberOf,
  PointsValue,
  PointValue,
  plain,
  settled,
  UNKNOWN,
  type Value,
} from './value.ts';

/** What an expression sees. */
export interface Scope {
  lookup: Lookup;
  /** null: all seeds are seen. */
  seed: number | null;
  matrix: Readonly<Record<string, Value>>;
  /** What the trial tries; UNKNOWN before there is one. */
  search?: Readonly<Record<string, Value>>;
}

/**
 * The value of a checked expression. Parts that only the run can tell make it UNKNOWN.
 *
 * @throws Unavailable when it needs a point that failed or was skipped; EvaluationError when it has no value
 */
export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.op) {
    case 'literal':
      return expression.value;
    case 'name':
      return named(expression.name, scope);
    case 'member':
      return memberOf(expression, scope);
    case 'index':
      return indexed(evaluate(expression.of, scope), evaluate(expression.index, scope), scope, expression);
    case 'call':
      return call(expression, scope);
    case 'unary': {
      const value = evaluate(expression.of, scope);
      if (value === UNKNOWN) return UNKNOWN;
      return expression.operator === '!' ? !truth(value, expression.of) : -number(value, expression.of);
    }
    case 'binary':
      return binary(expression, scope);
  }
}

/** A parameter with its expressions replaced by values. Maps leave out what is missing. */
export function resolveTree(tree: ParamTree, scope: Scope): Value {
  if (tree === null || typeof tree !== 'object') return tree;
  if (Array.isArray(tree)) return tree.map((item) => resolveTree(item, scope));
  if ('$expr' in tree) return settled(evaluate(tree.$expr as Expression, scope));
  if ('$concat' in tree) return concatenated(tree.$concat as ParamTree[], scope);
  const copy: Record<string, Value> = {};
  for (const name of Object.keys(tree)) {
    const value = resolveTree((tree as Record<string, ParamTree>)[name]!, scope);
    if (value !== undefined) copy[name] = value;
  }
  return copy;
}

function concatenated(parts: ParamTree[], scope: Scope): Value {
  let text = '';
  for (const part of parts) {
    const value = resolveTree(part, scope);
    if (value === UNKNOWN) return UNKNOWN;
    text += typeof value === 'string' ? value : value === undefined || value === null ? '' : textOf(value);
  }
  return text;
}

const textOf = (value: Value) => {
  const metric = numberOf(value);
  return metric === undefined ? JSON.stringify(plain(value)) : String(metric);
};

function named(name: string, scope: Scope): Value {
  if (name === 'seed') return scope.seed;
  if (name === 'feedback') return resolveTree(scope.lookup.plan.feedback as ParamTree, scope);
  throw new EvaluationError('no-value', `${name} alone has no value`);
}

function memberOf(expression: Extract<Expression, { op: 'member' }>, scope: Scope): Value {
  const { of, name } = expression;
  if (of.op === 'name') {
    if (of.name === 'steps') return scope.lookup.reference(name, scope.seed);
    if (of.name === 'inputs')
      return name in scope.lookup.plan.inputs ? scope.lookup.plan.inputs[name]! : UNKNOWN;
    if (of.name === 'matrix') return scope.matrix[name];
    if (of.name === 'search') return scope.search && name in scope.search ? scope.search[name] : UNKNOWN;
    if (of.name === 'secrets') return { $secret: name };
  }
  if (of.op === 'member' && (of.name === 'metrics' || of.name === 'matrix' || of.name === 'search')) {
    const points = evaluate(of.of, scope);
    if (points instanceof PointValue)
      return of.name === 'metrics' ? metric(points, name) : points.point.axes[name];
    if (points instanceof PointsValue) {
      return of.name === 'metrics'
        ? available(points).map((point) => metric(point, name))
        : points.points.map((point) => point.axes[name]);
    }
    if (points === UNKNOWN) return UNKNOWN;
  }
  return member(evaluate(of, scope), name, expression, scope);
}

/** One search gives one best trial, which stands for itself; several give a list. */
function chosenTrials(trials: PointsValue, name: 'best' | 'pareto', { seed }: Scope): Value {
  const { step, points } = trials;
  if (points.some(({ status }) => status === 'planned')) return UNKNOWN;
  const chosen = (name === 'best' ? bestTrials : paretoTrials)(step, points);
  const allSeeds = seed === null && step.seeding === 'per-seed';
  if (name === 'pareto') return new PointsValue(step, chosen, null, true);
  if (step.matrix || allSeeds) return new PointsValue(step, chosen, null, !step.matrix);
  return new PointValue(step, chosen[0]!);
}

function metric(value: PointValue, name: string): Value {
  const point = accepted(value);
  if (point === UNKNOWN) return UNKNOWN;
  const found = point.metrics[name];
  if (!found) throw new EvaluationError('missing-metric', `${point.id} has no metric ${name}`);
  return found as unknown as Json;
}

function member(value: Value, name: string, expression: Expression, scope: Scope): Value {
  if (value === UNKNOWN) return UNKNOWN;
  if (value instanceof PointsValue && value.step.search && (name === 'best' || name === 'pareto'))
    return chosenTrials(value, name, scope);
  if (value instanceof PointValue || value instanceof PointsValue) {
    const output = name === 'output' ? null : name;
    return value instanceof PointValue
      ? new PointValue(value.step, value.point, output)
      : new PointsValue(value.step, value.points, output, value.selected);
  }
  if (Array.isArray(value)) return value.map((item) => member(item, name, expression, scope));
  const own = value !== null && typeof value === 'object' && Object.hasOwn(value, name);
  if (own) return (value as Record<string, Value>)[name];
  throw new EvaluationError('no-value', `${printExpression(expression)} has no value: there is no ${name}`);
}

function indexed(of: Value, index: Value, scope: Scope, expression: Expression): Value {
  if (of === UNKNOWN) return UNKNOWN;
  if (of instanceof PointsValue && of.selected) return indexed(of.values(), index, scope, expression);
  if (of instanceof PointsValue && of.output === null) {
    const wanted = identity(index);
    if (wanted === UNKNOWN) return UNKNOWN;
    const axis = of.step.matrix?.axes[0]?.name ?? '';
    const found = scope.lookup.select(of, scope.seed, [[axis, wanted]]);
    if (found.length === 0) {
      throw new EvaluationError(
        'no-such-point',
        `${of.step.id} has no point with ${axis} = ${labelOf(index)}`,
      );
    }
    if (scope.seed === null && of.step.seeding === 'per-seed')
      return new PointsValue(of.step, found, null, true);
    return new PointValue(of.step, found[0]!);
  }
  if (index === UNKNOWN) return UNKNOWN;
  const container = of instanceof PointValue || of instanceof PointsValue ? plain(of) : of;
  if (container === UNKNOWN) return UNKNOWN;
  const place = typeof index === 'string' ? index : numberOf(index);
  if (Array.isArray(container) && typeof place === 'number') {
    const item = container[place < 0 ? container.length + place : place];
    if (item !== undefined) return item;
    throw new EvaluationError(
      'no-value',
      `${printExpression(expression)} has no value: the list has ${container.length} elements, counted from 0`,
    );
  }
  if (
    container !== null &&
    typeof container === 'object' &&
    !Array.isArray(container) &&
    place !== undefined
  ) {
    const key = String(place);
    if (Object.hasOwn(container, key)) return (container as Record<string, Value>)[key];
  }
  throw new EvaluationError('no-value', `${printExpression(expression)} has no value`);
}

function call(expression: Extract<Expression, { op: 'call' }>, scope: Scope): Value {
  const args = expression.args.map((arg) => evaluate(arg, scope));
  if (expression.function === 'select') return select(args, scope);
  if (expression.function === '$default') return args[0] === undefined ? args[1] : args[0];
  if (expression.function === '$path') return localPath(args[0], scope);
  const known = FUNCTIONS[expression.function];
  if (!known) throw new EvaluationError('no-value', `there is no function ${expression.function}`);
  return known.evaluate(args, printExpression(expression));
}

function select(args: Value[], scope: Scope): Value {
  const [points, ...pairs] = args;
  if (points === UNKNOWN) return UNKNOWN;
  const axes: [string, string][] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const wanted = identity(pairs[i + 1]);
    if (wanted === UNKNOWN) return UNKNOWN;
    axes.push([String(pairs[i]), wanted]);
  }
  if (!(points instanceof PointsValue)) return points;
  const found = scope.lookup.select(points, scope.seed, axes);
  if (found.length === 0) {
    const what = axes.map(([name], i) => `${name} = ${labelOf(pairs[2 * i + 1])}`).join(', ');
    throw new EvaluationError('no-such-point', `${points.step.id} has no point with ${what}`);
  }
  return new PointsValue(points.step, found, points.output, true);
}

/** What a value is called on an axis. */
function labelOf(value: Value): string {
  const known = value instanceof PointValue ? value.label : plain(value);
  return known === UNKNOWN ? '?' : axisLabel(known);
}

/** A local file, by the name under which the compiler recorded its fingerprint. */
function localPath(path: Value, scope: Scope): Value {
  if (path === UNKNOWN || path === undefined) return path;
  const found = scope.lookup.plan.paths[String(path)];
  if (found) return { $path: found.path, sha256: found.sha256 };
  throw new EvaluationError(
    'unknown-path',
    `the path ${String(path)} was not known when the plan was made`,
    'Paths come from the file itself, its inputs or its matrices.',
  );
}

function binary(expression: Extract<Expression, { op: 'binary' }>, scope: Scope): Value {
  const { operator } = expression;
  const left = evaluate(expression.left, scope);
  if (operator === '&&' || operator === '||') {
    const decided = operator === '||';
    if (left !== UNKNOWN && truth(left, expression.left) === decided) return decided;
    const right = evaluate(expression.right, scope);
    if (right !== UNKNOWN && truth(right, expression.right) === decided) return decided;
    return left === UNKNOWN || right === UNKNOWN ? UNKNOWN : !decided;
  }
  const right = evaluate(expression.right, scope);
  if (left === UNKNOWN || right === UNKNOWN) return UNKNOWN;
  if (operator === '==' || operator === '!=') {
    const same = sameValue(left, right);
    return same === UNKNOWN ? UNKNOWN : same === (operator === '==');
  }
  if ((operator[0] === '<' || operator[0] === '>') && typeof left === 'string' && typeof right === 'string') {
    return ordered(operator, left < right ? -1 : left > right ? 1 : 0);
  }
  const a = plainNumber(left, expression.left);
  const b = plainNumber(right, expression.right);
  if (a === UNKNOWN || b === UNKNOWN) return UNKNOWN;
  return arithmetic(operator, a, b, expression);
}

function sameValue(left: Value, right: Value): boolean | typeof UNKNOWN {
  const metrics = isMetric(left) !== isMetric(right);
  const a = metrics ? numberOf(left) : undefined;
  const b = metrics ? numberOf(right) : undefined;
  const x = identity(a ?? left);
  const y = identity(b ?? right);
  return x === UNKNOWN || y === UNKNOWN ? UNKNOWN : x === y;
}

function arithmetic(operator: string, a: number, b: number, expression: Expression): number | boolean {
  switch (operator) {
    case '+':
      return finite(a + b, expression);
    case '-':
      return finite(a - b, expression);
    case '*':
      return finite(a * b, expression);
    case '/':
      return finite(a / b, expression);
    case '%':
      return finite(a % b, expression);
    default:
      return ordered(operator, a < b ? -1 : a > b ? 1 : 0);
  }
}

function ordered(operator: string, sign: number): boolean {
  if (operator === '<') return sign < 0;
  if (operator === '<=') return sign <= 0;
  return operator === '>' ? sign > 0 : sign >= 0;
}

function finite(value: number, expression: Expression): number {
  if (Number.isFinite(value)) return value;
  throw new EvaluationError('not-finite', `${printExpression(expression)} is not a finite number`);
}

function truth(value: Value, expression: Expression): boolean {
  if (typeof value === 'boolean') return value;
  throw new EvaluationError('no-value', `${printExpression(expression)} is neither true nor false`);
}

function number(value: Value, expression: Expression): number {
  const found = plainNumber(value, expression);
  if (found === UNKNOWN) throw new EvaluationError('no-value', `${printExpression(expression)} is not known`);
  return found;
}

function plainNumber(value: Value, expression: Expression): number | typeof UNKNOWN {
  const data = value instanceof PointValue ? plain(value) : value;
  if (data === UNKNOWN) return UNKNOWN;
  const found = numberOf(data);
  if (found === undefined)
    throw new EvaluationError('no-value', `${printExpression(expression)} is not a number`);
  return found;
}
