import type { TensorChange, TensorPair } from './types.ts';

/** Norms of one tensor and of its change, accumulated in double precision. */
export function tensorChange({ name, base, tuned }: TensorPair): TensorChange {
  if (base.length !== tuned.length) {
    throw new RangeError(
      `${name} has ${base.length} elements in the base model and ${tuned.length} in the tuned one`,
    );
  }
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < base.length; i++) {
    const before = base[i] as number;
    difference += ((tuned[i] as number) - before) ** 2;
    norm += before * before;
  }
  return { name, elements: base.length, difference: Math.sqrt(difference), base: Math.sqrt(norm) };
}
