import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';

/** The value of an op, and how to get the gradients of its inputs from the gradient of its value. */
export interface Differentiable<V extends tf.Tensor> {
  value: V;
  /** Tensors that `gradient` needs: made inside the op, or inputs of it. */
  saved: tf.Tensor[];
  /** dL/dvalue -> dL/dinput, one for each input, in order. Gets `saved` back. */
  gradient(dValue: V, saved: tf.Tensor[]): tf.Tensor[];
}

/**
 * One op on the tape with a gradient of our own. Intermediates are freed when it returns; what it saved is freed as soon
 * as the backward pass has used it, not at the end of that pass.
 */
export function differentiable<V extends tf.Tensor>(
  inputs: tf.Tensor[],
  compute: () => Differentiable<V>,
): V {
  const tf = tensorflow();
  const op = tf.customGrad((...all: (tf.Tensor | ((tensors: tf.Tensor[]) => void))[]) => {
    const save = all[all.length - 1] as (tensors: tf.Tensor[]) => void;
    const { value, saved, gradient } = compute();
    save(saved);
    return {
      value,
      gradFunc: (dValue: tf.Tensor, kept: tf.Tensor[]) => {
        const gradients = tf.tidy(() => gradient(dValue as V, kept));
        for (const tensor of kept) tensor.dispose();
        return gradients;
      },
    };
  });
  return op(...inputs) as V;
}
