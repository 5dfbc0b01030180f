import { didYouMean } from '../diagnostics/suggest.ts';
import type { Expression } from '../plan/types.ts';
import {
  ANY,
  BOOLEAN,
  dataType,
  INTEGER,
  isNumeric,
  NUMBER,
  STRING,
  show,
  type Type,
} from '../types/type.ts';
import type { Ast } from './ast.ts';
import { check } from './check.ts';
import { checkAxisValue } from './check-index.ts';
import { axesOf, type Checked, type Environment, type Report, unknown } from './environment.ts';
import { type ExpressionFunction, FUNCTION_NAMES, FUNCTIONS, type Parameter } from './functions.ts';

type Call = Extract<Ast, { op: 'call' }>;

export function checkCall(ast: Call, env: Environment, report: Report): Checked {
  if (ast.function === 'select') return checkSelect(ast, env, report);
  const known = Object.hasOwn(FUNCTIONS, ast.function) ? FUNCTIONS[ast.function] : undefined;
  const args = ast.args.map((arg) => check(arg, env, report));
  if (!known || ast.function.startsWith('$')) {
    const at = { start: ast.start, end: ast.start + ast.function.length };
    report(
      'unknown-function',
      at,
      `There is no function ${ast.function}.`,
      didYouMean(ast.function, FUNCTION_NAMES, 'Functions'),
    );
    return unknown();
  }
  checkArguments(ast, known, args, report);
  const expression: Expression = {
    op: 'call',
    function: ast.function,
    args: args.map((arg) => arg.expression),
  };
  return { type: resultType(known, args), expression };
}

function checkArguments(ast: Call, known: ExpressionFunction, args: Checked[], report: Report): void {
  const least = known.parameters.length;
  if (args.length < least || (!known.variadic && args.length > least)) {
    report(
      'bad-arguments',
      ast,
      `${ast.function} takes ${known.variadic ? 'at least ' : ''}${least === 1 ? 'one argument' : `${least} arguments`}.`,
      `Write ${known.usage}.`,
    );
    return;
  }
  args.forEach(({ type }, i) => {
    const wanted = known.parameters[Math.min(i, least - 1)]!;
    const problem = mismatch(type, wanted);
    if (problem)
      report(
        'bad-arguments',
        ast.args[i]!,
        `${ast.function} takes ${problem} here; this is ${show(type)}.`,
        `Write ${known.usage}.`,
      );
  });
}

/** What was wanted, if the type does not fit. */
function mismatch(type: Type, wanted: Parameter): string | undefined {
  const data = dataType(type);
  if (data?.type === 'any' || wanted === 'any') return undefined;
  const listOf = data?.type === 'list' ? data.of : null;
  switch (wanted) {
    case 'number':
      return isNumeric(type) ? undefined : 'a number';
    case 'integer':
      return data?.type === 'integer' ? undefined : 'an integer';
    case 'numbers':
      return isNumeric(type) || (listOf && isNumeric(listOf)) ? undefined : 'numbers';
    case 'string':
      return data?.type === 'string' ? undefined : 'text';
    case 'list':
      return isList(type) ? undefined : 'a list';
    case 'list or string':
      return isList(type) || data?.type === 'string' ? undefined : 'a list or text';
  }
}

const isList = (type: Type) => (type.type === 'points' && type.many) || dataType(type)?.type === 'list';

function resultType(known: ExpressionFunction, args: Checked[]): Type {
  switch (known.result) {
    case 'integer':
      return INTEGER;
    case 'number':
      return NUMBER;
    case 'string':
      return STRING;
    case 'boolean':
      return BOOLEAN;
    case 'list of integer':
      return { type: 'list', of: INTEGER };
    case 'same list':
      return args[0]?.type ?? ANY;
  }
}

/** select(steps.saes, 'layer', 3, 'variant', matrix.variant): the points of a step with these values on these axes. */
function checkSelect(ast: Call, env: Environment, report: Report): Checked {
  const args = ast.args.map((arg) => check(arg, env, report));
  const [points] = args;
  const usage = "Write select(steps.NAME, 'axis', value, ...).";
  if (!points || ast.args.length < 3 || ast.args.length % 2 === 0) {
    report('bad-arguments', ast, 'select takes a step, and then an axis and its value, once or more.', usage);
    return unknown();
  }
  if (points.type.type === 'any') return unknown();
  if (points.type.type !== 'points') {
    report('bad-arguments', ast.args[0]!, `select takes a step; this is ${show(points.type)}.`, usage);
    return unknown();
  }
  const step = env.steps.get(points.type.step)!;
  const axes = axesOf(step, points.type.best);
  if (!axes || axes.size === 0) {
    report(
      'bad-arguments',
      ast.args[0]!,
      `${step.id} has no matrix to select from.`,
      `Write steps.${step.id}.`,
    );
    return unknown();
  }
  const named = new Set<string>();
  for (let i = 1; i < ast.args.length; i += 2) {
    const name = ast.args[i]!;
    if (name.op !== 'literal' || typeof name.value !== 'string') {
      report('bad-arguments', name, 'The name of an axis is written out, in quotes.', usage);
      continue;
    }
    const axis = axes.get(name.value);
    if (!axis) {
      report(
        'unknown-axis',
        name,
        `${step.id} has no axis ${name.value}.`,
        didYouMean(name.value, axes.keys(), 'Axes', (text) => `'${text}'`),
      );
      continue;
    }
    if (named.has(name.value)) report('bad-arguments', name, `The axis ${name.value} is here twice.`);
    named.add(name.value);
    checkAxisValue(step.id, name.value, axis, ast.args[i + 1]!, args[i + 1]!.type, report);
  }
  const call: Expression = { op: 'call', function: 'select', args: args.map((arg) => arg.expression) };
  const seeds = env.pooled && step.seeding === 'per-seed';
  // All axes named: there is one such point.
  if (named.size === axes.size && !seeds) {
    return {
      type: { ...points.type, many: false },
      expression: { op: 'call', function: '$single', args: [call] },
    };
  }
  return { type: { ...points.type, many: true, selected: true }, expression: call };
}
