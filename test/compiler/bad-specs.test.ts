import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ValidateOptions, validate } from '../../cli/commands/validate.ts';
import { compileFile } from '../../cli/compile.ts';

/**
 * Every way to write a bad file, with the exact text that a user sees. The first line of each names the codes of all its
 * errors, so that an updated text cannot hide that something else is reported now.
 */
const FOLDER = 'test/compiler/bad-specs';
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length));

/** Runs `plumb validate` and returns what it prints. */
async function output(
  paths: string[],
  options: ValidateOptions = {},
): Promise<{ text: string; exitCode: number }> {
  const written: string[] = [];
  const { write } = process.stdout;
  process.stdout.write = ((text: string) => written.push(text) > 0) as typeof process.stdout.write;
  try {
    const exitCode = await validate(paths, options);
    return { text: written.join(''), exitCode };
  } finally {
    process.stdout.write = write;
  }
}

test('there are bad files of many kinds', () => {
  expect(names.length).toBeGreaterThanOrEqual(90);
});

describe.each(names)('%s', (name) => {
  const path = `${FOLDER}/${name}.yaml`;

  test('is reported as written', async () => {
    const { text, exitCode } = await output([path]);
    expect(exitCode).toBe(1);
    await expect(text).toMatchFileSnapshot(`bad-specs/${name}.txt`);
  });

  test('has the errors that its first line names, each at a place in the file', async () => {
    const wanted = /^# code: (.*)$/m.exec(readFileSync(path, 'utf8'))?.[1]?.split(' ').sort();
    const { plan, diagnostics } = await compileFile(path, { for: 'check' });
    expect(plan).toBeNull();
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    expect([...new Set(errors.map(({ code }) => code))].sort()).toEqual(wanted);
    const lines = readFileSync(path, 'utf8').split('\n');
    for (const { line, column, end } of diagnostics) {
      expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
      expect(end.line * 10_000 + end.column).toBeGreaterThanOrEqual(line * 10_000 + column);
    }
  });
});

describe('what is no text', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'plumb-bad-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const GOOD = 'version: 1\nname: good\nsteps:\n  reviews: { uses: data.reviews-synthetic }\n';
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const shown = async (paths: string[], options?: ValidateOptions) => {
    const { text, exitCode } = await output(paths, options);
    return `${text.replaceAll(folder, 'FOLDER')}exit code ${exitCode}\n`;
  };

  test('a missing file', async () => {
    await expect(await shown([join(folder, 'absent.yaml')])).toMatchFileSnapshot(
      'bad-specs/missing-file.txt',
    );
  });

  test('bytes that are not UTF-8', async () => {
    const path = file('latin1.yaml', Buffer.from(`${GOOD}# caf\xe9\n`, 'latin1'));
    await expect(await shown([path])).toMatchFileSnapshot('bad-specs/not-utf8.txt');
  });

  test('UTF-16', async () => {
    const path = file('utf16.yaml', Buffer.from(`\ufeff${GOOD}`, 'utf16le'));
    await expect(await shown([path])).toMatchFileSnapshot('bad-specs/utf16.txt');
  });

  test('a binary file', async () => {
    const path = file('weights.yaml', Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0]));
    await expect(await shown([path])).toMatchFileSnapshot('bad-specs/binary.txt');
  });

  test('a file of many megabytes', async () => {
    const path = file('large.yaml', `${GOOD}${'# more\n'.repeat(700_000)}`);
    await expect(await shown([path])).toMatchFileSnapshot('bad-specs/file-too-large.txt');
  });

  test('a directory with one bad file fails and names it', async () => {
    const inner = join(folder, 'specs');
    mkdirSync(join(inner, 'more'), { recursive: true });
    file('specs/good.yaml', GOOD);
    file('specs/more/also-good.yml', GOOD);
    file('specs/more/bad.yaml', GOOD.replace('uses', 'use'));
    file('specs/notes.txt', 'no experiment');
    await expect(await shown([inner])).toMatchFileSnapshot('bad-specs/directory.txt');
  });

  test('a directory without experiment files', async () => {
    const inner = join(folder, 'empty');
    mkdirSync(inner);
    await expect(await shown([inner])).toMatchFileSnapshot('bad-specs/empty-directory.txt');
  });

  test('a base that others extend is checked as their part, and by itself when it is named', async () => {
    const inner = join(folder, 'extended');
    mkdirSync(inner);
    file('extended/base.yaml', 'steps:\n  reviews: { uses: data.reviews-synthetic }\n');
    file('extended/one.yaml', 'version: 1\nname: one\nextends: base.yaml\n');
    expect((await output([inner])).exitCode).toBe(0);
    expect((await output([inner, join(inner, 'base.yaml')])).exitCode).toBe(1);
    file('extended/base.yaml', 'steps:\n  reviews: { use: data.reviews-synthetic }\n');
    await expect(await shown([inner])).toMatchFileSnapshot('bad-specs/extended.txt');
  });

  test('--set of what is no input, or no value of it', async () => {
    const path = file(
      'inputs.yaml',
      `${GOOD}inputs: { count: { type: integer, minimum: 1 }, size: { type: string, default: a, enum: [a, b] } }\n`,
    );
    const set = { count: 'ten', sise: 'a', size: 'c' };
    await expect(await shown([path], { set })).toMatchFileSnapshot('bad-specs/set.txt');
  });
});
