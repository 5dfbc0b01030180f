import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * A process, so that others can tell whether it still lives. `host` is one boot of one machine (and one PID namespace, since
 * containers count PIDs apart); `started` tells a process from a later one with the same PID.
 */
export interface ProcessIdentity {
  host: string;
  pid: number;
  started: string | null;
}

let host: string | undefined;

export function hostIdentity(): string {
  host ??= createHash('sha256')
    .update(
      [
        hostname(),
        attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
        attempt(() => readlinkSync('/proc/self/ns/pid')),
      ].join('\n'),
    )
    .digest('hex')
    .slice(0, 12);
  return host;
}

let self: ProcessIdentity | undefined;

export function thisProcess(): ProcessIdentity {
  self ??= { host: hostIdentity(), pid: process.pid, started: procStat(process.pid)?.started ?? null };
  return self;
}

/** `unknown`: it runs, or ran, on another host. */
export function livenessOf(other: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (other.host !== hostIdentity()) return 'unknown';
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'dead';
  }
  const found = procStat(other.pid);
  if (found === null) return 'alive';
  const reused = other.started !== null && found.started !== other.started;
  return reused || found.zombie ? 'dead' : 'alive';
}

/** Linux: state and start (clock ticks from boot) in /proc/PID/stat, after the name, which may hold anything. */
function procStat(pid: number): { zombie: boolean; started: string } | null {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[19] === undefined ? null : { zombie: fields[0] === 'Z', started: fields[19] };
}

function attempt(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}
