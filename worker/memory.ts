import { totalmem } from 'node:os';

/** What this process and its children may use: of a container, its limit. */
export function memoryBytes(
  total: number = totalmem(),
  limit: number = process.constrainedMemory() ?? 0,
): number {
  return limit > 0 && limit < total ? limit : total;
}
