import type * as tf from '@tensorflow/tfjs';
import { isNative, tensorflow } from '../engine/engine.ts';
import { rawOp, T_FLOAT } from '../engine/raw-op.ts';

/** The Euclidean norm of all gradients taken as one vector. */
export function globalNorm(grads: ReadonlyMap<string, tf.Tensor>): number {
  const tf = tensorflow();
  return tf.tidy(() => {
    // L2Loss is sum(x^2) / 2 in one op.
    const halves = [...grads.values()].map((x) =>
      isNative() ? rawOp('L2Loss', [T_FLOAT], [x]) : x.square().sum().mul(0.5),
    );
    return Math.sqrt(2 * (tf.addN(halves).dataSync()[0] as number));
  });
}

/**
 * Gradients scaled so that their global norm is at most `limit` (Pascanu et al. 2013, algorithm 1), as PyTorch's
 * `clip_grad_norm_`: times limit / (norm + 1e-6) where that is below 1. Replaces the tensors in `grads`, freeing the old.
 * @returns the norm before clipping; NaN or infinity, which nothing scales, is for the caller to refuse
 */
export function clipByGlobalNorm(grads: Map<string, tf.Tensor>, limit: number): number {
  const norm = globalNorm(grads);
  const factor = limit / (norm + 1e-6);
  if (factor < 1) {
    const scale = tensorflow().scalar(factor);
    for (const [name, gradient] of grads) {
      grads.set(name, gradient.mul(scale));
      gradient.dispose();
    }
    scale.dispose();
  }
  return norm;
}
