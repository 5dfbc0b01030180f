import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, test, vi } from 'vitest';
import { bodyPath, buildChild, temporaryDirectory } from './build.ts';

// Real processes on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let entry: string;
let parent: string;
beforeAll(async () => {
  entry = await buildChild();
  parent = join(temporaryDirectory('parent'), 'parent.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./parent.ts', import.meta.url))],
    outfile: parent,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
});

/** Processes that work in the directory, zombies not counted. */
function workingIn(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`) === directory &&
          !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
        );
      } catch {
        return false;
      }
    });
}

test.runIf(process.platform === 'linux').each(['forever', 'ignore-stop', 'block'])(
  'a child does not outlive a parent that was killed (%s)',
  async (act) => {
    const directory = temporaryDirectory('orphan');
    const process_ = spawn(process.execPath, [parent, entry, bodyPath('act'), act, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(process_.stdout, 'data');
    expect(workingIn(directory)).toHaveLength(1);
    process_.kill('SIGKILL');
    const at = performance.now();
    while (workingIn(directory).length > 0 && performance.now() - at < 20_000) await sleep(20);
    expect(workingIn(directory)).toEqual([]);
  },
);
