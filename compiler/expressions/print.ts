import type { Expression } from '../plan/types.ts';
import { POWER, UNARY_POWER } from './ast.ts';

/** The expression as text that parses to the same expression. Conversions that the compiler added are left out. */
export function printExpression(expression: Expression, power = 0): string {
  switch (expression.op) {
    case 'literal':
      return literal(expression.value);
    case 'name':
      return expression.name;
    case 'member':
      return `${operand(expression.of)}.${expression.name}`;
    case 'index':
      return `${operand(expression.of)}[${printExpression(expression.index)}]`;
    case 'call': {
      if (expression.function.startsWith('$')) {
        return expression.args[0] ? printExpression(expression.args[0], power) : '...';
      }
      return `${expression.function}(${expression.args.map((arg) => printExpression(arg)).join(', ')})`;
    }
    case 'unary':
      return wrap(
        `${expression.operator}${printExpression(expression.of, UNARY_POWER - 1)}`,
        UNARY_POWER <= power,
      );
    case 'binary': {
      const own = POWER[expression.operator];
      // Comparisons do not chain, so an equal one on the left needs its brackets too.
      const leftPower = own === POWER['=='] || own === POWER['<'] ? own : own - 1;
      const left = printExpression(expression.left, leftPower);
      const right = printExpression(expression.right, own);
      return wrap(`${left} ${expression.operator} ${right}`, own <= power);
    }
  }
}

const operand = (of: Expression) =>
  of.op === 'literal' ? `(${printExpression(of)})` : printExpression(of, UNARY_POWER);

const wrap = (text: string, needed: boolean) => (needed ? `(${text})` : text);

function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  return JSON.stringify(value);
}
