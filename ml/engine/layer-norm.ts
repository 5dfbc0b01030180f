import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { isGpu, isNative, tensorflow, underGradient } from './engine.ts';
import { attribute, rawOp, T_FLOAT } from './raw-op.ts';
import { add, biasAdd, meanLast, mul, rsqrt, square, sub, sumRows } from './untaped.ts';

/**
 * Layer normalisation (Ba, Kiros & Hinton 2016, eq. 3-4):
 *
 *   z = (x - mean(x)) / sqrt(var(x) + eps)       over the last axis, var with 1/D
 *   y = z * gain + bias
 */
export type Normalise = (gain_D: tf.Tensor1D, bias_D: tf.Tensor1D) => tf.Tensor2D;

/**
 * The normalisations of one input, x_ND. Under a gradient z is computed once for all of them (GPT-NeoX' parallel
 * residual has two); otherwise each is a single op where TensorFlow has one.
 */
export function layerNorms(x_ND: tf.Tensor2D, epsilon: number): Normalise {
  if (!underGradient() && hasFusedLayerNorm())
    return (gain_D, bias_D) => fusedLayerNorm(x_ND, gain_D, bias_D, epsilon);
  const z_ND = standardise(x_ND, epsilon);
  return (gain_D, bias_D) => scaleShift(z_ND, gain_D, bias_D);
}

export const layerNorm = (
  x_ND: tf.Tensor2D,
  gain_D: tf.Tensor1D,
  bias_D: tf.Tensor1D,
  epsilon: number,
): tf.Tensor2D => layerNorms(x_ND, epsilon)(gain_D, bias_D);

/** z_ND: every row of x_ND with mean 0 and variance 1. */
export function standardise(x_ND: tf.Tensor2D, epsilon: number): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([x_ND], () => {
    const centred_ND = sub(x_ND, meanLast(x_ND));
    const scale_N1 = rsqrt(add(meanLast(square(centred_ND)), epsilon));
    const z_ND = mul(centred_ND, scale_N1) as tf.Tensor2D;
    return {
      value: z_ND,
      saved: [z_ND, scale_N1],
      // dx = s (dz - mean(dz) - z mean(dz z))
      gradient: (dz_ND, saved) => {
        const [z, scale] = saved as [tf.Tensor, tf.Tensor];
        const along_ND = mul(z, meanLast(mul(dz_ND, z)));
        return [mul(sub(sub(dz_ND, meanLast(dz_ND)), along_ND), scale)];
      },
    };
  });
}

/** y_ND = z_ND * gain_D + bias_D. */
export function scaleShift(z_ND: tf.Tensor2D, gain_D: tf.Tensor1D, bias_D: tf.Tensor1D): tf.Tensor2D {
  return differentiable<tf.Tensor2D>([z_ND, gain_D, bias_D], () => ({
    value: biasAdd(mul(z_ND, gain_D), bias_D) as tf.Tensor2D,
    saved: [z_ND, gain_D],
    gradient: (dy_ND, saved) => {
      const [z, gain] = saved as [tf.Tensor, tf.Tensor];
      return [mul(dy_ND, gain), sumRows(mul(dy_ND, z)), sumRows(dy_ND)];
    },
  }));
}

const fusedLayerNorm = (
  x_ND: tf.Tensor2D,
  gain_D: tf.Tensor1D,
  bias_D: tf.Tensor1D,
  epsilon: number,
): tf.Tensor2D =>
  rawOp('_MklLayerNorm', [T_FLOAT, attribute.float('epsilon', epsilon)], [x_ND, gain_D, bias_D]);

let fused: boolean | undefined;

/** oneDNN's layer normalisation is there in TensorFlow's CPU builds for x86. It is used if it works and is right. */
function hasFusedLayerNorm(): boolean {
  fused ??= isNative() && !isGpu() && tensorflow().tidy(fusedIsRight);
  return fused;
}

function fusedIsRight(): boolean {
  const tf = tensorflow();
  const x_ND = tf.tensor2d([1, -2, 3, 0.5, 7, 7, 7.5, 6], [2, 4]);
  const gain_D = tf.tensor1d([1, 2, 3, 4]);
  const bias_D = tf.tensor1d([0.5, 0, -1, 2]);
  try {
    const difference = fusedLayerNorm(x_ND, gain_D, bias_D, 1e-5).sub(
      scaleShift(standardise(x_ND, 1e-5), gain_D, bias_D),
    );
    return difference.abs().max().dataSync()[0]! < 1e-5;
  } catch {
    return false;
  }
}
