import type { Expression } from '../plan/types.ts';

/** An expression as parsed: every node knows where it stands in its text. */
export type Ast = { start: number; end: number } & (
  | { op: 'literal'; value: null | boolean | number | string }
  | { op: 'name'; name: string }
  | { op: 'member'; of: Ast; name: string; nameStart: number }
  | { op: 'index'; of: Ast; index: Ast }
  | { op: 'call'; function: string; args: Ast[] }
  | { op: 'unary'; operator: UnaryOperator; of: Ast }
  | { op: 'binary'; operator: BinaryOperator; left: Ast; right: Ast }
);

export type UnaryOperator = Extract<Expression, { op: 'unary' }>['operator'];
export type BinaryOperator = Extract<Expression, { op: 'binary' }>['operator'];

/** Left binding power of each binary operator: higher binds tighter. Comparisons do not chain. */
export const POWER: Readonly<Record<BinaryOperator, number>> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};

export const UNARY_POWER = 7;

/** Something in an expression's text is wrong there. */
export class ExpressionError extends Error {
  constructor(
    message: string,
    readonly start: number,
    readonly end: number,
    readonly hint?: string,
  ) {
    super(message);
  }
}
