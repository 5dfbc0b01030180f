import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RunningProcess {
  pid: number;
  args: string[];
}

/** Processes of this host whose command line passes a test. Zombies have none, so they are not found. */
export function findProcesses(wanted: (args: string[]) => boolean): RunningProcess[] {
  return (process.platform === 'linux' ? fromProc() : fromPs()).filter(({ args }) => wanted(args));
}

function fromProc(): RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1);
        return args.length > 0 ? [{ pid: Number(name), args }] : [];
      } catch {
        return []; // It has just ended.
      }
    });
}

/** `ps` joins arguments by spaces: one with a space inside is cut, which makes it unlike what is looked for. */
function fromPs(): RunningProcess[] {
  const text = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' });
  return text.split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid && command ? [{ pid: Number(pid), args: command.split(' ') }] : [];
  });
}

/** The value after a flag. */
export function argument(args: string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at < 0 ? undefined : args[at + 1];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** SIGTERM, and SIGKILL for one that has not left after so long. */
export async function endProcess(pid: number, graceSeconds: number): Promise<void> {
  signal(pid, 'SIGTERM');
  const until = Date.now() + graceSeconds * 1000;
  while (isAlive(pid) && Date.now() < until) await sleep(50);
  signal(pid, 'SIGKILL');
  while (isAlive(pid)) await sleep(20);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has left.
  }
}
