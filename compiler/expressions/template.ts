import { type Ast, ExpressionError } from './ast.ts';
import { parseExpression } from './parse.ts';

/** A piece of a text with expressions in it. Offsets are those of the text. */
export type Segment = { text: string } | { ast: Ast; source: string; offset: number };

export const hasExpression = (text: string) => text.includes('${{');

/**
 * `layer ${{ matrix.layer }}` -> text, expression. A text without `${{` is one segment.
 *
 * @throws ExpressionError with positions in the whole text
 */
export function parseTemplate(text: string): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('${{', at);
    if (open === -1) {
      segments.push({ text: text.slice(at) });
      break;
    }
    if (open > at) segments.push({ text: text.slice(at, open) });
    const offset = open + 3;
    const close = closing(text, offset);
    if (close === -1) throw new ExpressionError('${{ is not closed.', open, open + 3, 'Add }}.');
    const source = text.slice(offset, close);
    segments.push({ ast: parseExpression(source, offset), source: source.trim(), offset });
    at = close + 2;
  }
  return segments;
}

/** The `}}` that ends the expression, outside of quotes. */
function closing(text: string, start: number): number {
  let quote = '';
  for (let at = start; at < text.length; at++) {
    const c = text[at]!;
    if (quote) {
      if (c === quote) quote = '';
    } else if (c === "'" || c === '"') quote = c;
    else if (c === '}' && text[at + 1] === '}') return at;
  }
  // An open quote is the more helpful thing to complain about.
  return quote ? text.indexOf('}}', start) : -1;
}
