import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type Ended,
  environment,
  pathWith,
  ROOT,
  runNode,
  runSetup,
  scratchClone,
  scratchDirectory,
  setupModule,
  write,
} from './scratch-project.ts';

// Many processes start here; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

const MAIN = join(ROOT, 'infra', 'setup', 'main.mjs');
interface Recognises {
  recognise(output: string, what: string, directory: string): { kind: string } | undefined;
}

/** Nothing listens on the discard port: every connection is refused, as without a network. */
const NOWHERE = 'http://127.0.0.1:9';
const OFFLINE = {
  PIP_INDEX_URL: `${NOWHERE}/simple`,
  PIP_RETRIES: '0',
  npm_config_registry: NOWHERE,
  npm_config_fetch_retries: '0',
};
/** A Temporal that needs no download. */
const ELSEWHERE = { TEMPORAL_ADDRESS: '127.0.0.1:7233' };

/** One message, nothing but it on standard error, that says what is missing and what mends it. */
function expectMessage({ code, stderr, stdout }: Ended, missing: RegExp, mend: RegExp): void {
  expect(stderr).toMatch(missing);
  expect(stderr).toMatch(mend);
  expect(stderr.match(/to mend it:/g)).toHaveLength(1);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).not.toMatch(/set-up (done|up to date)/);
  expect(code).toBe(1);
}

test.each(['18.20.4', '20.2.0', '23.0.0', '24.11.1'])(
  'Node %s is refused with the command that mends it',
  async (version) => {
    const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`;
    const ended = await runNode(['--import', pretend, MAIN], environment({}));
    expectMessage(ended, new RegExp(`Node ${version} is too (old|new)`), /nvm install 22/);
  },
);

test.each(['20.3.0', '22.22.0'])('Node %s is accepted', async (version) => {
  const { demandNode } = await setupModule<{ demandNode(version: string): void }>('machine.mjs');
  expect(() => demandNode(version)).not.toThrow();
});

test('without Python the message names it', async () => {
  const env = environment({
    ...ELSEWHERE,
    PATH: pathWith(['node', 'npm', 'g++', 'make']),
    PLUMBLINE_CACHE: scratchDirectory(),
  });
  expectMessage(await runSetup(scratchClone(), env), /Python 3\.8 or later is missing/, /python3/);
});

test('a Python without pip is told apart from no Python', async () => {
  const folder = pathWith(['node', 'npm', 'g++', 'make']);
  write(join(folder, 'python3'), '#!/bin/sh\ncase "$*" in *pip*) exit 1;; *) exit 0;; esac\n');
  chmodSync(join(folder, 'python3'), 0o755);
  const env = environment({ ...ELSEWHERE, PATH: folder, PLUMBLINE_CACHE: scratchDirectory() });
  expectMessage(await runSetup(scratchClone(), env), /python3 has no pip/, /pip/);
});

test('without a C++ compiler the message names it, before anything is downloaded', async () => {
  const cache = scratchDirectory();
  const env = environment({
    ...ELSEWHERE,
    ...OFFLINE,
    PATH: pathWith(['node', 'npm', 'python3']),
    PLUMBLINE_CACHE: cache,
  });
  expectMessage(await runSetup(scratchClone(), env), /C\+\+ compiler is missing/, /g\+\+|gcc|xcode-select/);
  expect(readdirSync(cache).filter((name) => name.startsWith('wheel'))).toEqual([]);
});

test('without make the message names it', async () => {
  const env = environment({
    ...ELSEWHERE,
    ...OFFLINE,
    PATH: pathWith(['node', 'npm', 'python3', 'g++']),
    PLUMBLINE_CACHE: scratchDirectory(),
  });
  expectMessage(await runSetup(scratchClone(), env), /make is missing/, /make/);
});

test('without a network for the packages the message says so', async () => {
  const root = scratchClone();
  write(
    join(root, 'package-lock.json'),
    JSON.stringify({
      name: 'scratch',
      lockfileVersion: 3,
      packages: { '': { dependencies: { yaml: '2.9.1' } }, 'node_modules/yaml': { version: '2.9.1' } },
    }),
  );
  write(join(root, 'package.json'), '{"name":"scratch","version":"1.0.0","dependencies":{"yaml":"2.9.1"}}');
  const env = environment({
    ...ELSEWHERE,
    ...OFFLINE,
    PLUMBLINE_BACKEND: 'wasm',
    PLUMBLINE_CACHE: scratchDirectory(),
  });
  expectMessage(
    await runSetup(root, env),
    /No network: the packages could not be fetched/,
    /check the connection/,
  );
});

test('a lock file that disagrees with package.json is named', async () => {
  const root = scratchClone();
  write(join(root, 'package.json'), '{"name":"scratch","version":"1.0.0","dependencies":{"yaml":"2.9.1"}}');
  rmSync(join(root, 'node_modules', '.package-lock.json'));
  const env = environment({ ...ELSEWHERE, PLUMBLINE_BACKEND: 'wasm', PLUMBLINE_CACHE: scratchDirectory() });
  expectMessage(await runSetup(root, env), /package\.json and package-lock\.json disagree/, /npm install/);
});

test('without a network for TensorFlow the message says so, and no half-made cache entry stays', async () => {
  const cache = scratchDirectory();
  const env = environment({ ...ELSEWHERE, ...OFFLINE, PLUMBLINE_CACHE: cache });
  expectMessage(
    await runSetup(scratchClone(), env),
    /No network: tensorflow\S* 2\.\d+\.\d+ could not be fetched/,
    /check the connection/,
  );
  expect(readdirSync(cache).sort()).toEqual(['locks', 'stage']);
  expect(readdirSync(join(cache, 'stage'))).toEqual([]);
  expect(readdirSync(join(cache, 'locks'))).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
  'a full disk is named, with the variable that moves the cache (needs root, to mount a small disk)',
  async () => {
    const disk = join(scratchDirectory(), 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', disk]);
    onTestFinished(() => {
      execFileSync('umount', [disk]);
    });
    const env = environment({ ...ELSEWHERE, ...OFFLINE, PLUMBLINE_CACHE: join(disk, 'cache') });
    expectMessage(
      await runSetup(scratchClone(), env),
      /disk of .* is full \(2\.0 GB needed\)/,
      /PLUMBLINE_CACHE=/,
    );
  },
);

test.skipIf(process.getuid?.() === 0)('a cache that may not be written is named (not as root)', async () => {
  const cache = scratchDirectory();
  chmodSync(cache, 0o555);
  const env = environment({ ...ELSEWHERE, ...OFFLINE, PLUMBLINE_CACHE: join(cache, 'inside') });
  expectMessage(await runSetup(scratchClone(), env), /No permission to write/, /PLUMBLINE_CACHE=/);
});

test.each([
  ['npm error code ENOSPC\nnpm error nospc no space left on device', 'disk'],
  ['ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', 'disk'],
  ['npm error code EAI_AGAIN\nnpm error request failed, reason: getaddrinfo EAI_AGAIN', 'network'],
  ['NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused', 'network'],
  ['npm error code ERESOLVE', undefined],
  ["error: 'TF_NewStatus' was not declared in this scope", undefined],
])('what a program said is recognised: %j', async (output, kind) => {
  const { recognise } = await setupModule<Recognises>('failure.mjs');
  expect(recognise(output, 'it', '/cache')?.kind).toBe(kind);
});

test('plumb without a build says how to get one', async () => {
  const root = scratchDirectory();
  write(join(root, 'bin', 'plumb.cjs'), readFileSync(join(ROOT, 'bin', 'plumb.cjs'), 'utf8'));
  expect(existsSync(join(root, 'dist'))).toBe(false);
  expectMessage(await runNode([join(root, 'bin', 'plumb.cjs')]), /not built yet/, /npm run setup/);
});
