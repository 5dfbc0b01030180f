// What bodies and workers of the chaos runs share: lines of what was done, and named points at which processes die.
import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds of a clock that all processes of this machine share, and that nobody sets. */
export const now = () => Number(process.hrtime.bigint() / 1_000n) / 1000;

/** One line of one write, which is whole also when several processes write. */
export function record(control, point, step) {
  appendFileSync(join(control, 'steps'), `${JSON.stringify({ point, pid: process.pid, step, at: now() })}\n`);
}

/** Kills as the harness has ordered, if it has: the first process that comes here carries the order out. */
export function reach(control, name) {
  const armed = join(control, `armed-${name}`);
  if (!existsSync(armed)) return;
  const fired = join(control, `fired-${name}`);
  try {
    renameSync(armed, fired);
  } catch {
    return; // Another process was first.
  }
  const victim = readFileSync(fired, 'utf8');
  appendFileSync(
    join(control, 'shots'),
    `${JSON.stringify({ name, victim, pid: process.pid, at: now() })}\n`,
  );
  const inChild = process.argv[1]?.endsWith('compute/child.js');
  const pids = {
    self: [process.pid],
    worker: [inChild ? process.ppid : process.pid],
    server: [Number(readFileSync(join(control, 'server'), 'utf8'))],
  }[victim];
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is dead already.
    }
  }
}
