import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { tensorflow } from './engine.ts';

/** What is computed again: from the input of the part, and from tables that are no parameters. */
type Part = (x_ND: tf.Tensor2D, tables: tf.Tensor[]) => tf.Tensor2D;

/**
 * A part of a model of which only the input is kept for the backward pass: everything inside is computed again when its
 * gradient is wanted (Chen et al. 2016, arXiv 1604.06174). Costs one more forward pass, saves the memory of all that lies
 * within. The same numbers as without.
 * @param parameters all variables that `compute` reads
 * @param tables other tensors that it reads; they may be freed once this returns
 */
export function recomputed(
  x_ND: tf.Tensor2D,
  parameters: readonly tf.Variable[],
  tables: tf.Tensor[],
  compute: Part,
): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x_ND, ...parameters], () => ({
    value: compute(x_ND, tables),
    saved: [x_ND, ...tables],
    gradient: (dy_ND, [input_ND, ...kept]) =>
      gradientsWithin(input_ND as tf.Tensor2D, parameters, (x) => compute(x, kept), dy_ND),
  }));
}

/** Gradients taken in the middle of a backward pass, whose own tape must still be there afterwards. */
function gradientsWithin(
  x_ND: tf.Tensor2D,
  parameters: readonly tf.Variable[],
  compute: (x_ND: tf.Tensor2D) => tf.Tensor2D,
  dy_ND: tf.Tensor2D,
): tf.Tensor[] {
  const tf = tensorflow();
  const engine = tf.engine();
  const { state } = engine as unknown as { state: { activeTape: unknown } };
  const outer = state.activeTape;
  const inputs: tf.Tensor[] = [x_ND, ...parameters];
  try {
    const { grads } = engine.gradients(() => compute(x_ND), inputs, dy_ND, true);
    return grads.map((gradient, i) => gradient ?? tf.zerosLike(inputs[i] as tf.Tensor));
  } finally {
    state.activeTape = outer;
  }
}
