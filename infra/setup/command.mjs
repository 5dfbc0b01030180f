// Running other programs: output is kept for diagnosis, never shown when all goes well.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, lock?: {adopt(pid: number): void}}} [options] `lock` learns the
 *   child's pid, so that nobody takes the lock over while an orphaned child still writes
 * @returns {Promise<{code: number, output: string}>} the exit code (-1: killed by a signal or not started)
 */
export function run(program, args, { cwd, env = process.env, lock } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-200_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ code: -1, output: `${output}\n${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? -1, output }));
    if (lock && child.pid) lock.adopt(child.pid);
  });
}

/** Standard output of a quick program, or undefined when it is absent or fails. */
export function ask(program, args, options = {}) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000, ...options });
  return status === 0 ? stdout.trim() : undefined;
}

/** The first executable of this name on the PATH. */
export const which = (name) => whichAll(name)[0];

/** Every executable of this name on the PATH, in its order. */
export function whichAll(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .filter((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}
