import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { type Ended, ROOT, runNode, scratchDirectory, write } from './scratch-project.ts';

// Many processes start here; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** `npm test`'s program on a project of these test files. */
function runChecks(files: Record<string, string>): Promise<Ended> {
  const root = scratchDirectory();
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  cpSync(join(ROOT, 'test', 'run.mjs'), join(root, 'test', 'run.mjs'));
  write(join(root, 'package.json'), '{ "type": "module" }\n');
  write(
    join(root, 'tsconfig.json'),
    '{ "compilerOptions": { "strict": true, "noEmit": true, "module": "nodenext", "skipLibCheck": true, "types": [] }, "include": ["test"] }\n',
  );
  write(
    join(root, 'biome.json'),
    '{ "files": { "includes": ["test/*.ts"] }, "formatter": { "enabled": false } }\n',
  );
  write(join(root, 'vitest.config.js'), "export default { test: { include: ['test/*.test.ts'] } };\n");
  for (const [name, text] of Object.entries(files)) write(join(root, 'test', name), text);
  const { VITEST: _, VITEST_POOL_ID: __, VITEST_WORKER_ID: ___, ...env } = process.env;
  return runNode([join(root, 'test', 'run.mjs')], env);
}

const lastLine = ({ stdout }: Ended): string | undefined => stdout.trimEnd().split('\n').at(-1);

const passing = "import { expect, test } from 'vitest';\n\ntest('adds', () => expect(1 + 1).toBe(2));\n";

test('types, lint and each test count as passed', async () => {
  const ended = await runChecks({
    'a.test.ts': passing,
    'b.test.ts': `${passing}\ntest.skip('later', () => expect(1).toBe(2));\n`,
  });
  expect(lastLine(ended)).toBe('4 passed, 0 failed');
  expect(ended.stdout).toContain('1 skipped');
  expect(ended.code).toBe(0);
});

test('a failed test, a file that does not load, a wrong type and a lint error each count as failed', async () => {
  const ended = await runChecks({
    'a.test.ts': `${passing}\ntest('fails', () => expect(1 + 1).toBe(3));\n`,
    'b.test.ts': "throw new Error('does not load');\n",
    'wrong-type.ts': "export const n: number = 'text';\n",
    'lint.ts': 'export const f = (n: number): boolean => n == 0 || (n = 1) > 0;\n',
  });
  expect(lastLine(ended)).toBe('1 passed, 4 failed');
  expect(ended.stdout).toContain("Type 'string' is not assignable to type 'number'");
  expect(ended.stdout).toContain('noDoubleEquals');
  expect(ended.code).toBe(1);
});

test('an error outside of any test is a failure', async () => {
  const ended = await runChecks({
    'a.test.ts': `${passing}\nsetTimeout(() => {\n  throw new Error('too late to be caught');\n}, 0);\ntest('waits', () => new Promise((done) => setTimeout(done, 200)));\n`,
  });
  expect(lastLine(ended)).toBe('4 passed, 1 failed');
  expect(ended.code).toBe(1);
});

test('no test at all is a failure', async () => {
  const ended = await runChecks({ 'a.ts': 'export const n = 1;\n' });
  expect(lastLine(ended)).toMatch(/^2 passed, [1-9] failed$/);
  expect(ended.code).toBe(1);
});
