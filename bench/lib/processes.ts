import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessRun {
  /** From start to exit. */
  milliseconds: number;
  /** Peak resident memory. */
  megabytes: number;
}

export interface Medians {
  ours: ProcessRun;
  peer: ProcessRun;
}

/** Runs two Node programs in turn, each `runs` times after a warm-up, and takes medians. Whole processes: start-up included. */
export function compareProcesses(
  ours: readonly string[],
  peer: readonly string[],
  runs: number,
  directory: string,
): Medians {
  const hook = join(directory, 'report-memory.cjs');
  const report = join(directory, 'memory');
  writeFileSync(
    hook,
    `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(report)}, String(process.resourceUsage().maxRSS)));\n`,
  );
  const one = (args: readonly string[]): ProcessRun => {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, ['--require', hook, ...args], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const milliseconds = performance.now() - start;
    if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
    return { milliseconds, megabytes: Number(readFileSync(report, 'utf8')) / 1024 };
  };
  one(ours);
  one(peer);
  const found: { ours: ProcessRun[]; peer: ProcessRun[] } = { ours: [], peer: [] };
  for (let i = 0; i < runs; i++) {
    found.ours.push(one(ours));
    found.peer.push(one(peer));
  }
  return { ours: medianOf(found.ours), peer: medianOf(found.peer) };
}

const medianOf = (runs: readonly ProcessRun[]): ProcessRun => ({
  milliseconds: median(runs.map((run) => run.milliseconds)),
  megabytes: median(runs.map((run) => run.megabytes)),
});

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
