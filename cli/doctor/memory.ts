import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { memoryBytes } from '../../worker/memory.ts';
import type { Finding } from './finding.ts';
import { bad, formatBytes, ok } from './finding.ts';

/** The quickstart's whole process tree stays below this. */
const QUICKSTART = 4e9;

/** Memory that can be had without swapping: the kernel's estimate, within the container's limit. */
export function memoryFinding(): Finding {
  const total = memoryBytes();
  const available = Math.min(memAvailable() ?? freemem(), total);
  const facts = { total_bytes: total, available_bytes: available };
  const text = `${formatBytes(available)} available of ${formatBytes(total)}`;
  if (available < QUICKSTART) {
    return bad('warning', 'memory', text, 'close other programs: the quickstart takes up to 4 GB', facts);
  }
  return ok('memory', text, facts);
}

function memAvailable(): number | undefined {
  try {
    const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
