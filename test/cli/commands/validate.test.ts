import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ValidateOptions, validate } from '../../../cli/commands/validate.ts';
import { renderDiagnostic } from '../../../cli/render/diagnostics.ts';
import { CODES } from '../../../compiler/diagnostics/codes.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import { scratchDirectory } from '../../infra/scratch-project.ts';

const GOOD =
  'version: 1\nname: good\nsteps:\n  reviews: { uses: data.reviews-synthetic, with: { count: 100 } }\n';
const BAD = GOOD.replace('count', 'cuont').replace('reviews:', 'b: &b { uses: data.reviews }\n  reviews:');

let folder: string;
beforeEach(() => {
  folder = scratchDirectory();
  mkdirSync(join(folder, 'specs'));
  writeFileSync(join(folder, 'specs/good.yaml'), GOOD);
  writeFileSync(join(folder, 'specs/bad one.yaml'), BAD);
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function run(paths: string[], options: ValidateOptions = {}): Promise<{ code: number; text: string }> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  const code = await validate(paths, options);
  vi.restoreAllMocks();
  return { code, text: text.replaceAll(folder, '') };
}

test('good files end in 0, one bad file among them in 1', async () => {
  expect(await run([join(folder, 'specs/good.yaml')])).toEqual({
    code: 0,
    text: 'ok    /specs/good.yaml  1 step, 1 point\n',
  });
  expect((await run([join(folder, 'specs')])).code).toBe(1);
});

test('what is piped has no colours', async () => {
  expect((await run([join(folder, 'specs')])).text).not.toContain('\u001b');
});

test('a file named twice is reported once', async () => {
  const { text } = await run([join(folder, 'specs/bad one.yaml'), join(folder, 'specs')]);
  expect(text.match(/cuont means nothing/g)).toHaveLength(1);
});

test('JSON holds each file, with every diagnostic as data', async () => {
  const { code, text } = await run([join(folder, 'specs')], { format: 'json' });
  const { ok, files } = JSON.parse(text) as {
    ok: boolean;
    files: { path: string; ok: boolean; digest?: string; diagnostics: Diagnostic[] }[];
  };
  expect([code, ok]).toEqual([1, false]);
  expect(files.map(({ path, ok: one }) => [path, one])).toEqual([
    ['/specs/bad one.yaml', false],
    ['/specs/good.yaml', true],
  ]);
  expect(files[1]!.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(files[0]!.diagnostics).toEqual([
    {
      code: 'unknown-kind',
      severity: 'error',
      message: 'There is no kind of step data.reviews.',
      hint: expect.stringMatching(/./),
      file: '/specs/bad one.yaml',
      line: 4,
      column: 17,
      end: { line: 4, column: 29 },
      path: 'steps.b.uses',
    },
    {
      code: 'unknown-key',
      severity: 'error',
      message: 'cuont means nothing here.',
      hint: 'Did you mean count?',
      file: '/specs/bad one.yaml',
      line: 5,
      column: 52,
      end: { line: 5, column: 57 },
      path: 'steps.reviews.with.cuont',
    },
  ]);
});

test('SARIF names rules and regions', async () => {
  const { code, text } = await run([join(folder, 'specs')], { format: 'sarif' });
  expect(code).toBe(1);
  const log = JSON.parse(text);
  expect(log.version).toBe('2.1.0');
  const [one] = log.runs;
  expect(one.tool.driver.rules).toEqual([
    { id: 'unknown-key', shortDescription: { text: CODES['unknown-key'] } },
    { id: 'unknown-kind', shortDescription: { text: CODES['unknown-kind'] } },
  ]);
  expect(one.results[1]).toEqual({
    ruleId: 'unknown-key',
    ruleIndex: 0,
    level: 'error',
    message: { text: 'cuont means nothing here. Did you mean count?' },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: '/specs/bad%20one.yaml' },
          region: { startLine: 5, startColumn: 52, endLine: 5, endColumn: 57 },
        },
      },
    ],
  });
});

describe('a code frame', () => {
  const at = (line: number, column: number, until: number): Diagnostic => ({
    code: 'bad-value',
    severity: 'error',
    message: 'It is wrong.',
    file: 'a.yaml',
    line,
    column,
    end: { line, column: until },
    path: 'a',
  });

  test('keeps tabs, so that the caret stands below its place', () => {
    expect(
      renderDiagnostic(at(1, 7, 8), () => 'a:\tb: c')
        .split('\n')
        .slice(-2),
    ).toEqual(['1 | a:\tb: c', '  |   \t   ^']);
  });

  test('cuts a long line around the place', () => {
    const text = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`;
    const frame = renderDiagnostic(at(1, 501, 505), () => text).split('\n');
    expect(frame.every((line) => line.length < 140)).toBe(true);
    const caret = frame.at(-1)!.indexOf('^^^^');
    expect(frame.at(-2)!.slice(caret, caret + 4)).toBe('HERE');
  });

  test('does without the line when there is none', () => {
    expect(renderDiagnostic(at(9, 1, 2), () => 'one line')).toBe(
      'error[bad-value] It is wrong.\n --> a.yaml:9:1  a',
    );
    expect(renderDiagnostic(at(1, 1, 1), () => undefined)).toBe(
      'error[bad-value] It is wrong.\n --> a.yaml:1:1  a',
    );
  });
});
