import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '../../compiler/compile.ts';

/** Whatever comes in: a plan, or errors at places inside the file; never an exception. */
function mustHold(bytes: Uint8Array): void {
  const { plan, diagnostics, sources } = compile('specs/fuzz.yaml', bytes);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  expect(plan === null).toBe(errors.length > 0);
  const lines = sources.get('specs/fuzz.yaml')?.text.split('\n');
  for (const { line, column, message, path } of diagnostics) {
    expect(message).not.toMatch(/undefined|\[object Object\]|NaN/);
    expect(path).not.toMatch(/undefined/);
    expect(line).toBeGreaterThanOrEqual(1);
    if (lines) expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
  }
}

const encode = (text: string) => new TextEncoder().encode(text);

test('any bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), mustHold), { numRuns: 300 });
});

test('any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => mustHold(encode(text))),
    { numRuns: 300 },
  );
});

test('any data as YAML', () => {
  const section = fc.constantFrom(
    'version',
    'name',
    'steps',
    'seeds',
    'inputs',
    'presets',
    'expect',
    'limits',
    'feedback',
    'extends',
  );
  fc.assert(
    fc.property(fc.dictionary(section, fc.jsonValue({ maxDepth: 5 })), (data) =>
      mustHold(encode(JSON.stringify(data))),
    ),
    { numRuns: 150 },
  );
});

test('any data as a step', () => {
  const field = fc.constantFrom(
    'uses',
    'with',
    'matrix',
    'foreach',
    'include',
    'exclude',
    'if',
    'needs',
    'preset',
    'retry',
    'timeout',
    'checkpoint',
    'queue',
    'at-most',
  );
  const uses = fc.constantFrom('data.files', 'sae.train', 'rlhf.ppo', 'report', 'lm.train');
  fc.assert(
    fc.property(fc.dictionary(field, fc.jsonValue({ maxDepth: 4 })), uses, (step, kind) => {
      mustHold(
        encode(JSON.stringify({ version: 1, name: 'fuzz', steps: { a: { ...step, uses: kind }, b: step } })),
      );
    }),
    { numRuns: 150 },
  );
});

const quickstart = readFileSync('specs/quickstart.yaml', 'utf8');

test('the quickstart with a stretch of it removed, repeated or replaced', () => {
  const junk = fc.constantFrom(
    '',
    ' ',
    '\t',
    '\n',
    '{',
    '}',
    '[',
    ']',
    ':',
    '- ',
    '*a',
    '&a ',
    '${{',
    '}}',
    "'",
    '"',
    '#',
    '|',
    '>',
    '<<: ',
    '!!set ',
    '\u0000',
    '\u2028',
    '😀',
    'null',
    '~',
    '.nan',
    '0x',
    '[[[[',
    '? ',
  );
  fc.assert(
    fc.property(fc.nat(quickstart.length - 1), fc.nat(60), fc.nat(3), junk, (at, length, times, text) => {
      const stretch = quickstart.slice(at, at + length).repeat(times);
      mustHold(encode(quickstart.slice(0, at) + stretch + text + quickstart.slice(at + length)));
    }),
    { numRuns: 100 },
  );
});

test('any text inside an expression', () => {
  const token = fc.constantFrom(
    'steps',
    '.',
    'reviews',
    'metrics',
    '[',
    ']',
    '(',
    ')',
    "'a'",
    '1',
    '1.5',
    '-',
    '!',
    '&&',
    '==',
    '<',
    '+',
    ',',
    'select',
    'mean',
    'matrix',
    'layer',
    'inputs',
    'n',
    'seed',
    'feedback',
    'secrets',
    ' ',
    'true',
    'null',
    '"',
    "'",
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const expression = tokens.join('');
      const document = {
        version: 1,
        name: 'fuzz',
        inputs: { n: { type: 'integer', default: 3 } },
        steps: {
          reviews: {
            uses: 'data.reviews-synthetic',
            matrix: { layer: [1, 2] },
            if: expression,
            with: { count: `\${{${expression}}}` },
          },
          base: { uses: 'lm.train', with: { data: `\${{ ${expression} }}`, steps: `\${{ ${expression} }}` } },
        },
        expect: [{ name: 'a', check: expression || 'true' }],
      };
      mustHold(encode(JSON.stringify(document)));
    }),
    { numRuns: 500 },
  );
});

test('deep nesting, in every way to write it', () => {
  for (const depth of [50, 150, 3000, 30_000]) {
    mustHold(encode('['.repeat(depth)));
    mustHold(encode('{a: '.repeat(depth)));
    mustHold(encode('- '.repeat(depth)));
    mustHold(encode(`version: 1\nname: a\nsteps: { a: { uses: report, if: "${'('.repeat(depth)}1" } }\n`));
    mustHold(encode(`version: 1\nname: a\nsteps: { a: { uses: report, if: "${'!'.repeat(depth)}true" } }\n`));
    mustHold(encode(`version: 1\nname: a\nsteps: { a: { uses: report, if: "${'1+'.repeat(depth)}1" } }\n`));
  }
}, 60_000);
