import { arch, cpus, platform, release, totalmem } from 'node:os';
import { engineDescription, engineLoaded } from '../ml/engine/engine.ts';
import type { Json, ProcessUsage } from '../store/types.ts';

/** What results can depend on beside the key: recorded with each, never part of it. */

/** Known before the body runs. */
export function machineFingerprint(threads: number): Record<string, Json> {
  return {
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    threads,
  };
}

/** Known after it: the engine, if it was used. */
export function engineFingerprint(): Record<string, Json> {
  return engineLoaded() ? { engine: engineDescription() } : {};
}

/** What the process took: different every time, so apart from what results can depend on. */
export function processUsage(): ProcessUsage {
  const usage = process.resourceUsage();
  return {
    peakMemoryBytes: usage.maxRSS * 1024,
    cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
  };
}
