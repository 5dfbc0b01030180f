import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExpressionError } from '../../../compiler/expressions/ast.ts';
import { parseExpression } from '../../../compiler/expressions/parse.ts';
import { printExpression } from '../../../compiler/expressions/print.ts';
import { parseTemplate } from '../../../compiler/expressions/template.ts';
import type { Expression } from '../../../compiler/plan/types.ts';

/** Without positions. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== 'object') return value;
  const { start: _start, end: _end, nameStart: _nameStart, ...rest } = value as Record<string, unknown>;
  return Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, bare(inner)]));
}

const parsed = (text: string) => bare(parseExpression(text)) as Expression;

/** Fully bracketed, to see what binds tighter. */
function bracketed(expression: Expression): string {
  if (expression.op === 'binary')
    return `(${bracketed(expression.left)} ${expression.operator} ${bracketed(expression.right)})`;
  if (expression.op === 'unary') return `(${expression.operator}${bracketed(expression.of)})`;
  return printExpression(expression);
}

test.each([
  ['1 + 2 * 3', '(1 + (2 * 3))'],
  ['1 - 2 - 3', '((1 - 2) - 3)'],
  ['2 * 3 % 4 / 5', '(((2 * 3) % 4) / 5)'],
  ['(1 + 2) * 3', '((1 + 2) * 3)'],
  ['-a * b', '((-a) * b)'],
  ['!a && b', '((!a) && b)'],
  ['a || b && c', '(a || (b && c))'],
  ['a + 1 > b == c', '(((a + 1) > b) == c)'],
  ['a < b && c >= d', '((a < b) && (c >= d))'],
  ['- - 1', '(-(-1))'],
  ['-steps.a.metrics.m.value + 1', '((-steps.a.metrics.m.value) + 1)'],
])('%s is read as %s', (text, wanted) => {
  expect(bracketed(parsed(text))).toBe(wanted);
});

describe('names, numbers and quotes', () => {
  test('hyphens belong to names; a difference has spaces', () => {
    expect(parsed('steps.my-step.metrics.l-0')).toEqual(parsed('steps . my-step . metrics . l-0'));
    expect(bracketed(parsed('a -b'))).toBe('(a - b)');
    expect(bracketed(parsed('a - b'))).toBe('(a - b)');
    expect(parsed('a-b')).toEqual({ op: 'name', name: 'a-b' });
    expect(bracketed(parsed('3-1'))).toBe('(3 - 1)');
  });

  test('white space of any kind means nothing', () => {
    expect(parsed(" select(\n\tsteps.saes ,'layer',3 )[ 0 ] . metrics.fvu ")).toEqual(
      parsed("select(steps.saes,'layer',3)[0].metrics.fvu"),
    );
  });

  test('both quotes, doubled inside', () => {
    expect(parsed("'it''s'")).toEqual({ op: 'literal', value: "it's" });
    expect(parsed('"say ""so"""')).toEqual({ op: 'literal', value: 'say "so"' });
    expect(parsed("'a}}b'")).toEqual({ op: 'literal', value: 'a}}b' });
  });

  test('numbers', () => {
    expect(
      ['1', '1.5', '.5', '2e-3', '1E3', '0'].map((text) => (parsed(text) as { value: number }).value),
    ).toEqual([1, 1.5, 0.5, 0.002, 1000, 0]);
  });
});

test.each([
  '',
  '  ',
  'a b',
  'a.',
  '.a',
  '(a',
  'a)',
  'a[',
  'a[]',
  'f(',
  'f(a,',
  'f(,a)',
  '1..2',
  '1a',
  'a b()',
  "'open",
  'a = b',
  'a & b',
  'a < b < c',
  'a == b == c',
  '1 +',
  '+ 1',
  '${{ a }}',
  'a ? b : c',
  'a()()',
  '1()',
])('refuses %j with a place inside it', (text) => {
  try {
    parseExpression(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ExpressionError);
    const { start, end } = error as ExpressionError;
    expect(start).toBeGreaterThanOrEqual(0);
    expect(start).toBeLessThanOrEqual(text.length);
    expect(end).toBeGreaterThanOrEqual(start);
    return;
  }
  expect.fail('it was read');
});

const name = fc
  .stringMatching(/^[a-z_][a-z0-9_]{0,5}(-[a-z0-9]{1,3})?$/)
  .filter((text) => !['true', 'false', 'null'].includes(text));
const expression = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      op: fc.constant('literal' as const),
      value: fc.oneof(
        fc.nat(),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        fc.string(),
      ),
    }),
    fc.record({ op: fc.constant('name' as const), name: name as fc.Arbitrary<'steps'> }),
    fc.record({ op: fc.constant('member' as const), of: tie('any'), name }),
    fc.record({ op: fc.constant('index' as const), of: tie('any'), index: tie('any') }),
    fc.record({
      op: fc.constant('call' as const),
      function: name,
      args: fc.array(tie('any'), { maxLength: 3 }),
    }),
    fc.record({
      op: fc.constant('unary' as const),
      operator: fc.constantFrom('!' as const, '-' as const),
      of: tie('any'),
    }),
    fc.record({
      op: fc.constant('binary' as const),
      operator: fc.constantFrom(
        '+',
        '-',
        '*',
        '/',
        '%',
        '==',
        '!=',
        '<',
        '<=',
        '>',
        '>=',
        '&&',
        '||',
      ) as fc.Arbitrary<'+'>,
      left: tie('any'),
      right: tie('any'),
    }),
  ),
})).any;

test('what is printed is read as the same expression', () => {
  fc.assert(
    fc.property(expression, (one) => {
      expect(parsed(printExpression(one))).toEqual(one);
    }),
    { numRuns: 500 },
  );
});

test('every part knows where it stands', () => {
  fc.assert(
    fc.property(expression, (one) => {
      const text = printExpression(one);
      const visit = (ast: ReturnType<typeof parseExpression>): void => {
        const piece = text.slice(ast.start, ast.end);
        expect(bare(parseExpression(piece))).toEqual(bare(ast));
        if ('of' in ast) visit(ast.of);
        if ('index' in ast) visit(ast.index);
        if ('args' in ast) ast.args.forEach(visit);
        if ('left' in ast) [ast.left, ast.right].forEach(visit);
      };
      visit(parseExpression(text));
    }),
    { numRuns: 200 },
  );
});

test('a template is text and expressions, in order', () => {
  const segments = parseTemplate("layer ${{ matrix.layer }} of ${{ join(steps.a, '}}') }}!");
  expect(segments.map((segment) => ('text' in segment ? segment.text : `<${segment.source}>`))).toEqual([
    'layer ',
    '<matrix.layer>',
    ' of ',
    "<join(steps.a, '}}')>",
    '!',
  ]);
  expect(parseTemplate('plain')).toEqual([{ text: 'plain' }]);
});
