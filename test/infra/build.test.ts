import {
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { ROOT, runNode, scratchDirectory, setupModule, write } from './scratch-project.ts';

// Many processes start here; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

interface Build {
  build(root: string): Promise<string | undefined>;
}

/** A project of a few lines, with the real schemas and packages. */
function project(): string {
  const root = scratchDirectory();
  cpSync(join(ROOT, 'schemas'), join(root, 'schemas'), { recursive: true });
  cpSync(join(ROOT, 'package-lock.json'), join(root, 'package-lock.json'));
  write(join(root, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  write(
    join(root, 'worker/main.ts'),
    `import { createRequire } from 'node:module';
     import { Command } from 'commander';
     import { here } from '../ml/here.ts';
     const require = createRequire(import.meta.url);
     const { kind } = await import('../activities/kinds/one.ts');
     console.log(JSON.stringify({ here, kind, commander: new Command('c').name(), own: import.meta.url, required: typeof require('yaml').parse }));`,
  );
  write(join(root, 'ml/here.ts'), 'export const here: string = import.meta.url;');
  write(join(root, 'activities/kinds/one.ts'), "export const kind: string = 'first';");
  return root;
}

const output = async (root: string): Promise<Record<string, string>> => {
  const { stdout, stderr } = await runNode([join(root, 'dist/worker/main.js')]);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Record<string, string>;
};

test('bundled programs run, and see the addresses of their sources', async () => {
  const { build } = await setupModule<Build>('build.mjs');
  const root = project();
  expect(await build(root)).toContain('programs');
  expect(await output(root)).toEqual({
    here: pathToFileURL(join(root, 'ml/here.ts')).href,
    own: pathToFileURL(join(root, 'worker/main.ts')).href,
    kind: 'first',
    commander: 'c',
    required: 'function',
  });
  expect(existsSync(join(root, 'dist/activities/kinds/one.js'))).toBe(true);
});

test('only changed contents are built, and a deleted output', async () => {
  const { build } = await setupModule<Build>('build.mjs');
  const root = project();
  await build(root);
  expect(await build(root)).toBeUndefined();

  const source = join(root, 'activities/kinds/one.ts');
  utimesSync(source, new Date(), new Date());
  expect(await build(root)).toBeUndefined();

  writeFileSync(source, "export const kind: string = 'second';");
  expect(await build(root)).toBe('built programs');
  expect((await output(root))['kind']).toBe('second');

  rmSync(join(root, 'dist/worker/main.js'));
  expect(await build(root)).toBe('built programs');
  expect((await output(root))['kind']).toBe('second');
});

test('a source that does not compile is named by file, line and column, and the old build stays', async () => {
  const { build } = await setupModule<Build>('build.mjs');
  const root = project();
  await build(root);
  writeFileSync(
    join(root, 'ml/here.ts'),
    'export const here: string = import.meta.url;\nexport const = 1;\n',
  );
  await expect(build(root)).rejects.toMatchObject({
    message: 'The build failed.',
    detail: expect.stringMatching(/^ml\/here\.ts:2:14: /),
  });
  expect((await output(root))['kind']).toBe('first');
});

test('the workflow bundle is made anew only when the workflows have changed', async () => {
  const { build } = await setupModule<Build>('build.mjs');
  const root = project();
  write(
    join(root, 'workflows/index.ts'),
    "import { sleep } from '@temporalio/workflow';\nimport { nap } from './nap.ts';\nexport async function rest(): Promise<void> {\n  await sleep(nap);\n}\n",
  );
  write(join(root, 'workflows/nap.ts'), 'export const nap: number = 1001;');
  expect(await build(root)).toContain('workflow bundle');
  const bundle = join(root, 'dist/workflow-bundle.js');
  expect(readFileSync(bundle, 'utf8')).toContain('1001');

  const made = statSync(bundle).mtimeMs;
  writeFileSync(join(root, 'activities/kinds/one.ts'), "export const kind: string = 'second';");
  expect(await build(root)).toBe('built programs');
  expect(statSync(bundle).mtimeMs).toBe(made);

  writeFileSync(join(root, 'workflows/nap.ts'), 'export const nap: number = 2002;');
  expect(await build(root)).toContain('workflow bundle');
  expect(readFileSync(bundle, 'utf8')).toContain('2002');
});
