import type { Json } from '../../store/types.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { Expression } from '../plan/types.ts';
import { BOOLEAN, comparable, dataType, INTEGER, NUMBER, STRING, show, type Type } from '../types/type.ts';
import type { Ast } from './ast.ts';
import { checkCall } from './check-call.ts';
import { checkIndex } from './check-index.ts';
import { checkMember } from './check-member.ts';
import { type Checked, type Environment, need, type Report, unknown } from './environment.ts';

/**
 * The type of an expression, and the expression as the plan holds it: positions left out, conversions made explicit. What is
 * wrong is reported and counts as `any` from then on, so that one slip gives one message.
 */
export function check(ast: Ast, env: Environment, report: Report): Checked {
  switch (ast.op) {
    case 'literal':
      return { type: literalType(ast.value), expression: { op: 'literal', value: ast.value } };
    case 'name':
      return checkName(ast, env, report);
    case 'member':
      return checkMember(ast, env, report);
    case 'index':
      return checkIndex(ast, env, report);
    case 'call':
      return checkCall(ast, env, report);
    case 'unary': {
      const { type, expression } = check(ast.of, env, report);
      const wanted = ast.operator === '!' ? BOOLEAN : NUMBER;
      need(type, wanted, ast.of, `${ast.operator} takes`, report);
      const result = ast.operator === '!' ? BOOLEAN : isInteger(type) ? INTEGER : NUMBER;
      return { type: result, expression: { op: 'unary', operator: ast.operator, of: expression } };
    }
    case 'binary':
      return checkBinary(ast, env, report);
  }
}

const literalType = (value: Json): Type =>
  value === null
    ? { type: 'null' }
    : typeof value === 'number'
      ? Number.isInteger(value)
        ? INTEGER
        : NUMBER
      : { type: typeof value as 'string' | 'boolean' };

const isInteger = (type: Type) => dataType(type)?.type === 'integer';

function checkName(ast: Extract<Ast, { op: 'name' }>, env: Environment, report: Report): Checked {
  const { name } = ast;
  if (name === 'seed') return { type: INTEGER, expression: { op: 'name', name } };
  if (name === 'feedback') {
    if (env.hasFeedback === 'inside') {
      report('cycle', ast, 'The feedback cannot refer to itself.', 'Write the part of it out here.');
      return unknown();
    }
    if (!env.hasFeedback) {
      report(
        'unknown-name',
        ast,
        'This experiment names no feedback.',
        'Add `feedback:` at the top of the file.',
      );
    }
    return { type: { type: 'feedback' }, expression: { op: 'name', name } };
  }
  if (name === 'steps' || name === 'inputs' || name === 'matrix' || name === 'search' || name === 'secrets') {
    const example = {
      steps: 'steps.base',
      inputs: 'inputs.NAME',
      matrix: 'matrix.AXIS',
      search: 'search.DIMENSION',
      secrets: 'secrets.NAME',
    }[name];
    report('bad-expression', ast, `${name} alone has no value.`, `Name one of them: ${example}.`);
    return unknown();
  }
  report('unknown-name', ast, `${name} means nothing here.`, nameHint(name, env));
  return unknown();
}

function nameHint(name: string, env: Environment): string | undefined {
  if (env.steps.has(name)) return `Did you mean steps.${name}?`;
  if (env.axes?.has(name)) return `Did you mean matrix.${name}?`;
  if (env.search?.has(name)) return `Did you mean search.${name}?`;
  if (env.inputs.has(name)) return `Did you mean inputs.${name}?`;
  const minus = /^(\w+)-(\w+)$/.exec(name);
  if (minus) return 'A hyphen belongs to the name; a difference is written with spaces: a - b.';
  return didYouMean(
    name,
    ['steps', 'inputs', 'matrix', 'search', 'feedback', 'seed'],
    'Expressions know',
    (known) => known,
  );
}

function checkBinary(ast: Extract<Ast, { op: 'binary' }>, env: Environment, report: Report): Checked {
  const left = check(ast.left, env, report);
  const right = check(ast.right, env, report);
  const { operator } = ast;
  const expression: Expression = { op: 'binary', operator, left: left.expression, right: right.expression };
  if (operator === '&&' || operator === '||') {
    need(left.type, BOOLEAN, ast.left, `${operator} joins`, report);
    need(right.type, BOOLEAN, ast.right, `${operator} joins`, report);
    return { type: BOOLEAN, expression };
  }
  if (operator === '==' || operator === '!=') {
    if (!comparable(left.type, right.type)) {
      report(
        'type-mismatch',
        ast,
        `This compares ${show(left.type)} with ${show(right.type)}: they are never equal.`,
      );
    }
    return { type: BOOLEAN, expression };
  }
  const texts = isText(left.type) && isText(right.type);
  if (operator[0] === '<' || operator[0] === '>') {
    if (!texts) {
      need(left.type, NUMBER, ast.left, `${operator} compares`, report);
      need(right.type, NUMBER, ast.right, `${operator} compares`, report);
    }
    return { type: BOOLEAN, expression };
  }
  if (operator === '+' && texts) {
    report(
      'type-mismatch',
      ast,
      '+ adds numbers.',
      "Join texts by writing them side by side, or with format('{0}{1}', a, b).",
    );
    return { type: STRING, expression };
  }
  need(left.type, NUMBER, ast.left, `${operator} takes`, report);
  need(right.type, NUMBER, ast.right, `${operator} takes`, report);
  const integer = operator !== '/' && isInteger(left.type) && isInteger(right.type);
  return { type: integer ? INTEGER : NUMBER, expression };
}

const isText = (type: Type) => dataType(type)?.type === 'string';
