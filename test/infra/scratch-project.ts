import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SETUP = join(ROOT, 'infra', 'setup');

/** A directory that is gone after the test. */
export function scratchDirectory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'plumbline-infra-')));
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The least that looks like a clone whose packages are installed: no package but the sources of the TensorFlow binding. */
export function scratchClone(): string {
  const root = scratchDirectory();
  write(join(root, 'package.json'), '{"name":"scratch","version":"1.0.0","type":"module"}');
  write(join(root, 'package-lock.json'), '{"name":"scratch","lockfileVersion":3,"packages":{"":{}}}');
  write(join(root, 'node_modules', '.package-lock.json'), '{"lockfileVersion":3,"packages":{}}');
  const tfjs = join(root, 'node_modules', '@tensorflow', 'tfjs-node');
  write(join(tfjs, 'package.json'), '{"name":"@tensorflow/tfjs-node","version":"4.22.0"}');
  return root;
}

/** A PATH that holds only these programs of this machine. */
export function pathWith(programs: string[]): string {
  const folder = scratchDirectory();
  for (const name of programs) {
    const target = name === 'node' ? process.execPath : name === 'python3' ? interpreter() : find(name);
    if (target) symlinkSync(target, join(folder, name));
  }
  return folder;
}

const find = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** The program itself: what lies on the PATH may be a script that chooses one, and needs a shell to do so. */
const interpreter = (): string =>
  execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs Node with exactly this environment (and HOME), to its end. */
export function runNode(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return startNode(args, env).ended;
}

export function startNode(args: string[], env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended, stdout: () => stdout };
}

/** Runs set-up on a project other than this one. */
export function runSetup(root: string, env: NodeJS.ProcessEnv, args: string[] = []): Promise<Ended> {
  const setup = JSON.stringify(pathToFileURL(join(SETUP, 'setup.mjs')).href);
  const code = `process.exitCode = await (await import(${setup})).setup(${JSON.stringify(args)}, ${JSON.stringify(root)})`;
  return runNode(['--input-type=module', '--eval', code], env);
}

/** What a set-up needs of the environment; nothing of the user's own settings. */
export function environment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { HOME: scratchDirectory(), PATH: process.env['PATH'], LANG: 'C', PLUMBLINE_DEVICE: 'cpu', ...own };
}

/** A module of set-up. They are plain JavaScript, so that set-up needs no build: the caller states the types it relies on. */
export async function setupModule<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(SETUP, name)).href)) as T;
}
