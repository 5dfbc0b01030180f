import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deployTool, INFRA, runTool } from './deploy-tools.ts';
import { ROOT, runNode } from './scratch-project.ts';

const DOCKER = join(INFRA, 'docker');
const dockerfile = readFileSync(join(DOCKER, 'Dockerfile'), 'utf8');
const hadolint = deployTool('hadolint');
const shellcheck = deployTool('shellcheck');

interface Stage {
  name: string;
  from: string;
  instructions: { name: string; text: string }[];
}

/** The stages of the Dockerfile, continuation lines joined and comments left out. */
function stages(): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const found: Stage[] = [];
  for (const line of lines) {
    const [, name = '', text = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') {
      const [, from = '', stage = ''] = /^(\S+) AS (\S+)$/.exec(text) ?? [];
      found.push({ name: stage, from, instructions: [] });
    } else found.at(-1)?.instructions.push({ name, text });
  }
  return found;
}

/** Of a stage and of those that it builds on. */
function inherited(name: string): Stage['instructions'] {
  const stage = stages().find((each) => each.name === name);
  return stage ? [...inherited(stage.from), ...stage.instructions] : [];
}

test.skipIf(!hadolint)('hadolint finds nothing in the Dockerfile', () => {
  const { code, stdout } = runTool(hadolint!, ['--failure-threshold', 'style', join(DOCKER, 'Dockerfile')]);
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

test.skipIf(!shellcheck)('shellcheck finds nothing in the scripts', () => {
  const scripts = ['docker', 'compose'].flatMap((folder) =>
    readdirSync(join(INFRA, folder))
      .filter((name) => name.endsWith('.sh'))
      .map((name) => join(INFRA, folder, name)),
  );
  expect(scripts.length).toBeGreaterThan(3);
  const { code, stdout } = runTool(shellcheck!, [
    '--external-sources',
    '--source-path=SCRIPTDIR',
    ...scripts,
  ]);
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

test('every base image is one version; the last stage is the smaller image', () => {
  const all = stages();
  const names = all.map(({ name }) => name);
  const version = /^ARG NODE=(\S+)$/m.exec(dockerfile)?.[1];
  expect(version).toMatch(/^22\.\d+\.\d+$/);
  for (const { from } of all) {
    if (!names.includes(from)) expect(from).toBe('node:${NODE}-bookworm-slim');
  }
  expect(names.at(-1)).toBe('cpu');
});

test.each(['cpu', 'cuda'])(
  'the image %s runs as nobody in particular, checks itself, and has no tool that built it',
  (image) => {
    const instructions = inherited(image);
    const last = (name: string) => instructions.filter((each) => each.name === name).at(-1)?.text;
    expect(last('USER')).toBe('10001:10001');
    expect(last('HEALTHCHECK')).toContain('healthcheck.mjs');
    expect(last('ENTRYPOINT')).toBe('["tini", "--", "plumb"]');
    const copied = instructions.filter(({ name }) => name === 'COPY').map(({ text }) => text);
    expect(copied).toHaveLength(2);
    for (const text of copied) expect(text).toMatch(new RegExp(`^--from=built-${image} (/\\S+) \\1$`));
    const installed = instructions.filter(({ text }) => text.includes('apt-get install'));
    for (const { text } of installed) expect(text).not.toMatch(/g\+\+|make|python/);
  },
);

test('no layer can hold a secret: none is an argument or a variable, and the build sees only named folders', () => {
  for (const { name, text } of stages().flatMap(({ instructions }) => instructions)) {
    if (name === 'ARG' || name === 'ENV') expect(text).not.toMatch(/secret|token|password|api_?key/i);
  }
  const [first, ...rest] = readFileSync(join(DOCKER, 'Dockerfile.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(first).toBe('*');
  const allowed = rest.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  for (const path of allowed) expect(existsSync(join(ROOT, path)), path).toBe(true);
  const bundled = readFileSync(join(INFRA, 'setup', 'bundle.mjs'), 'utf8');
  const folders = /const FOLDERS = \[([^\]]+)\]/.exec(bundled)?.[1]?.match(/\w+/g) ?? [];
  expect(folders.length).toBeGreaterThan(8);
  expect(allowed).toEqual(expect.arrayContaining([...folders, 'bin', 'package-lock.json', 'infra/setup']));
  expect(rest.slice(allowed.length)).toEqual(expect.arrayContaining(['**/.env', '**/*.pem', '**/*.key']));
});

async function check(port: string): Promise<number | null> {
  const { code } = await runNode([join(DOCKER, 'healthcheck.mjs')], { PLUMBLINE_HEALTH_PORT: port });
  return code;
}

async function workerThatAnswers(status: number): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/healthz' ? status : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => {
    server.close();
  });
  return String((server.address() as AddressInfo).port);
}

test('the health check asks the worker, unless it has no endpoint', async () => {
  expect(await check(await workerThatAnswers(200))).toBe(0);
  expect(await check(await workerThatAnswers(503))).toBe(1);
  expect(await check('1')).toBe(1);
  expect(await check('0')).toBe(0);
});
