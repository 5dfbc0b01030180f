import type { Pruner } from '../types.ts';

/** Every trial runs to its end. */
export function none(): Pruner {
  return { decide: () => 'go-on' };
}
