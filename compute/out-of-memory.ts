import { readFileSync } from 'node:fs';

/**
 * Watches the counts of processes that the kernel has killed for want of memory, as far as they can be read: of a process's
 * control group (v2, v1), which for a container are the root's, and of the whole machine.
 * @returns whether one of them has grown since: a child that meanwhile died of SIGKILL was killed by the kernel
 */
export function watchKernelKills(pid: number): () => boolean {
  const groups = read(`/proc/${pid}/cgroup`).split('\n');
  const v2 = groups.find((line) => line.startsWith('0::'))?.slice(3);
  const v1 = groups.find((line) => line.split(':')[1] === 'memory')?.split(':')[2];
  const sources = [
    ...(v2 === undefined ? [] : [`/sys/fs/cgroup${v2}/memory.events`]),
    ...(v1 === undefined ? [] : [`/sys/fs/cgroup/memory${v1}/memory.oom_control`]),
    '/sys/fs/cgroup/memory.events',
    '/sys/fs/cgroup/memory/memory.oom_control',
    '/proc/vmstat',
  ];
  const before = sources.map(count);
  return () => sources.some((source, i) => count(source) > (before[i] as number));
}

function count(path: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(read(path))?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
