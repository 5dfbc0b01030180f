import { type Ast, type BinaryOperator, ExpressionError, POWER, UNARY_POWER } from './ast.ts';
import { lex, type Token } from './lex.ts';

/** Deeper expressions are refused rather than overflowing the stack. */
const DEEPEST = 100;

/**
 * Parses one expression by operator precedence (Pratt, "Top down operator precedence", POPL 1973).
 *
 *     expression := operand (operator expression)*      || && == != < <= > >= + - * / %
 *     operand    := number | text | true | false | null | name | function "(" expression,* ")"
 *                 | "(" expression ")" | ("!" | "-") operand | operand "." name | operand "[" expression "]"
 *
 * @param offset where `text` starts in a longer one: positions count from that one's start
 * @throws ExpressionError with the position of the first slip
 */
export function parseExpression(text: string, offset = 0): Ast {
  try {
    return new Parser(lex(text)).whole(offset);
  } catch (error) {
    if (!(error instanceof ExpressionError) || offset === 0) throw error;
    throw new ExpressionError(error.message, error.start + offset, error.end + offset, error.hint);
  }
}

function shifted(ast: Ast, by: number): Ast {
  if (by === 0) return ast;
  const moved = { ...ast, start: ast.start + by, end: ast.end + by };
  switch (moved.op) {
    case 'member':
      return { ...moved, of: shifted(moved.of, by), nameStart: moved.nameStart + by };
    case 'index':
      return { ...moved, of: shifted(moved.of, by), index: shifted(moved.index, by) };
    case 'call':
      return { ...moved, args: moved.args.map((arg) => shifted(arg, by)) };
    case 'unary':
      return { ...moved, of: shifted(moved.of, by) };
    case 'binary':
      return { ...moved, left: shifted(moved.left, by), right: shifted(moved.right, by) };
    default:
      return moved;
  }
}

class Parser {
  private at = 0;
  private depth = 0;

  constructor(private readonly tokens: Token[]) {}

  whole(offset: number): Ast {
    if (this.next.type === 'end') throw new ExpressionError('There is no expression here.', 0, this.next.end);
    const expression = this.expression(0);
    const rest = this.next;
    if (rest.type !== 'end') throw this.unexpected(rest, 'after the expression');
    return shifted(expression, offset);
  }

  private get next(): Token {
    return this.tokens[this.at]!;
  }

  private advance(): Token {
    return this.tokens[this.at++]!;
  }

  private expression(power: number): Ast {
    if (++this.depth > DEEPEST)
      throw new ExpressionError('This expression is nested too deeply.', this.next.start, this.next.end);
    let left = this.postfix(this.operand());
    while (true) {
      const token = this.next;
      const own = token.type === 'symbol' ? POWER[token.text as BinaryOperator] : undefined;
      if (own === undefined || own <= power) break;
      this.advance();
      const right = this.expression(own);
      left = {
        op: 'binary',
        operator: token.text as BinaryOperator,
        left,
        right,
        start: left.start,
        end: right.end,
      };
      const again = this.next;
      if (
        (own === POWER['=='] || own === POWER['<']) &&
        POWER[again.text as BinaryOperator] === own &&
        again.type === 'symbol'
      ) {
        throw new ExpressionError(
          'Comparisons do not chain.',
          again.start,
          again.end,
          'Join two of them with &&.',
        );
      }
    }
    this.depth--;
    return left;
  }

  private operand(): Ast {
    const token = this.advance();
    const { start, end } = token;
    if (token.type === 'number' || token.type === 'string')
      return { op: 'literal', value: token.value!, start, end };
    if (token.type === 'name') return this.named(token);
    if (token.text === '(') {
      const inner = this.expression(0);
      const close = this.expect(')', token);
      return { ...inner, start, end: close.end };
    }
    if (token.text === '!' || token.text === '-') {
      const of = this.expression(UNARY_POWER);
      return { op: 'unary', operator: token.text, of, start, end: of.end };
    }
    throw this.unexpected(token, 'where a value should be');
  }

  private named(token: Token): Ast {
    const { start, end, text } = token;
    if (text === 'true' || text === 'false') return { op: 'literal', value: text === 'true', start, end };
    if (text === 'null') return { op: 'literal', value: null, start, end };
    if (this.next.text !== '(' || this.next.type !== 'symbol') return { op: 'name', name: text, start, end };
    const open = this.advance();
    const args: Ast[] = [];
    if (!this.is(')')) {
      args.push(this.expression(0));
      while (this.is(',')) {
        this.advance();
        args.push(this.expression(0));
      }
    }
    return { op: 'call', function: text, args, start, end: this.expect(')', open).end };
  }

  private postfix(operand: Ast): Ast {
    let of = operand;
    while (true) {
      if (this.is('.')) {
        this.advance();
        const name = this.advance();
        if (name.type !== 'name') throw this.unexpected(name, 'where a name should be');
        of = { op: 'member', of, name: name.text, nameStart: name.start, start: of.start, end: name.end };
      } else if (this.is('[')) {
        const open = this.advance();
        const index = this.expression(0);
        of = { op: 'index', of, index, start: of.start, end: this.expect(']', open).end };
      } else if (this.is('(')) {
        throw new ExpressionError('Only functions can be called.', this.next.start, this.next.end);
      } else return of;
    }
  }

  private is(symbol: string): boolean {
    return this.next.type === 'symbol' && this.next.text === symbol;
  }

  private expect(symbol: string, opened: Token): Token {
    if (this.is(symbol)) return this.advance();
    if (this.next.type === 'end') {
      throw new ExpressionError(`${opened.text} is not closed.`, opened.start, opened.end, `Add ${symbol}.`);
    }
    throw this.unexpected(this.next, `where ${symbol} should be`);
  }

  private unexpected(token: Token, where: string): ExpressionError {
    const { start, end } = token;
    if (token.type === 'end')
      return new ExpressionError('The expression ends too early.', Math.max(0, start - 1), end);
    const words: Record<string, string> = { and: '&&', or: '||', not: '!', is: '==' };
    const operator = words[token.text] ?? words[this.tokens[this.at - 2]?.text ?? ''];
    return new ExpressionError(
      `${token.text} stands ${where}.`,
      start,
      end,
      operator && `Write ${operator}.`,
    );
  }
}
