import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/**
 * How many cores' worth of time other processes took while `work` ran: what a figure from a shared machine is worth. Only
 * on Linux; elsewhere 0.
 * @param pid the process whose own time does not count
 */
export async function withForeignCores<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ value: T; foreignCores: number }> {
  const before = ticks(pid);
  const value = await work();
  const after = ticks(pid);
  const all = after.all - before.all;
  const foreign = after.busy - before.busy - (after.own - before.own);
  return { value, foreignCores: all > 0 ? Math.max(0, (foreign / all) * cpus().length) : 0 };
}

/** Clock ticks since boot: of all cores, of those the busy ones, and of the process. */
function ticks(pid: number): { all: number; busy: number; own: number } {
  if (process.platform !== 'linux') return { all: 0, busy: 0, own: 0 };
  const total = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .map(Number);
  const all = total.reduce((sum, x) => sum + x, 0);
  const idle = total[3]! + total[4]!;
  // After the name in parentheses, which may hold blanks: user and system time are the 12th and 13th.
  const own = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return { all, busy: all - idle, own: Number(own[11]) + Number(own[12]) };
}
