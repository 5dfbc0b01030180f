import { ExpressionError } from './ast.ts';

export interface Token {
  type: 'number' | 'string' | 'name' | 'symbol' | 'end';
  text: string;
  /** Of numbers and strings. */
  value?: number | string;
  start: number;
  end: number;
}

const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
/** Hyphens belong to names, as they do in keys: a difference is written with spaces, `a - b`. */
const NAME = /[A-Za-z_]\w*(?:-+\w+)*/y;
const SYMBOL = /==|!=|<=|>=|&&|\|\||[-+*/%<>!.,()[\]]/y;

/** In tokens. Chains of operators nest: longer ones would overflow the stack of whoever walks them. */
const LONGEST = 1000;

/** The tokens of an expression, without `${{` and `}}`, ending in one of type `end`. */
export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (true) {
    if (tokens.length > LONGEST) throw new ExpressionError('This expression is too long.', 0, text.length);
    while (/\s/.test(text[at] ?? '')) at++;
    const start = at;
    const c = text[at];
    if (c === undefined) {
      tokens.push({ type: 'end', text: '', start, end: start });
      return tokens;
    }
    if (c === "'" || c === '"') {
      const { value, end } = quoted(text, at);
      tokens.push({ type: 'string', text: text.slice(at, end), value, start, end });
      at = end;
      continue;
    }
    // After a dot comes a name, even one of digits.
    const number = take(NUMBER);
    if (number !== undefined && !(tokens.at(-1)?.text === '.' && tokens.at(-1)?.type === 'symbol')) {
      at += number.length;
      if (/[\w]/.test(text[at] ?? ''))
        throw new ExpressionError(`${number}${text[at]} is no number.`, start, at + 1);
      tokens.push({ type: 'number', text: number, value: Number(number), start, end: at });
      continue;
    }
    const name = take(NAME);
    if (name !== undefined) {
      at += name.length;
      tokens.push({ type: 'name', text: name, start, end: at });
      continue;
    }
    const symbol = take(SYMBOL);
    if (symbol === undefined) throw unknown(text, at);
    at += symbol.length;
    tokens.push({ type: 'symbol', text: symbol, start, end: at });
  }
}

/** A quoted text; the quote itself is written twice, as in YAML and GitHub Actions. */
function quoted(text: string, start: number): { value: string; end: number } {
  const quote = text[start]!;
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== quote) value += text[at];
    else if (text[at + 1] === quote) {
      value += quote;
      at++;
    } else return { value, end: at + 1 };
  }
  throw new ExpressionError('This text is not closed.', start, text.length, `Add ${quote} at its end.`);
}

function unknown(text: string, at: number): ExpressionError {
  const c = text[at]!;
  const hints: Record<string, string> = {
    '=': 'Equality is written ==.',
    '&': 'Both is written &&.',
    '|': 'Either is written ||.',
    '?': 'There is no ?: here; use two steps with `if`, or an input.',
    '{': 'An expression stands between ${{ and }}; they do not nest.',
    $: 'An expression stands between ${{ and }}; they do not nest.',
    '`': 'Text is quoted with \' or ".',
  };
  return new ExpressionError(`${c} has no meaning in an expression.`, at, at + 1, hints[c]);
}
