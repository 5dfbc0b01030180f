import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';

/** Gradients by the names under which the parameters are kept. The caller frees them (and `value`). */
export interface Gradients {
  value: tf.Scalar;
  grads: Map<string, tf.Tensor>;
}

/**
 * The value of a scalar loss and its gradient in each parameter. A parameter that the loss does not depend on has no
 * entry.
 */
export function gradients(loss: () => tf.Scalar, parameters: ReadonlyMap<string, tf.Variable>): Gradients {
  const { value, grads } = tensorflow().variableGrads(loss, [...parameters.values()]);
  const named = new Map<string, tf.Tensor>();
  for (const [name, parameter] of parameters) {
    const gradient = grads[parameter.name];
    if (gradient) named.set(name, gradient);
  }
  return { value, grads: named };
}
