import type * as tf from '@tensorflow/tfjs';
import { add } from '../engine/untaped.ts';

/** Sums of gradients of parts of a batch, name by name; what went in is freed. */
export function sumGradients(
  a: ReadonlyMap<string, tf.Tensor> | null,
  b: ReadonlyMap<string, tf.Tensor>,
): Map<string, tf.Tensor> {
  const sums = new Map(a ?? []);
  for (const [name, gradient] of b) {
    const other = sums.get(name);
    sums.set(name, other ? add(other, gradient) : gradient);
    if (!other) continue;
    other.dispose();
    gradient.dispose();
  }
  return sums;
}
