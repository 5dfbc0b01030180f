import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { add, erfc, exp, mul, square, sub, tanh } from './untaped.ts';

/**
 * Gaussian error linear units (Hendrycks & Gimpel 2016).
 *
 *   exact (`gelu`):                x P(X <= x) = x/2 erfc(-x / sqrt 2)
 *   approximate (`gelu_new` ...):  x/2 (1 + t),  t = tanh(c (x + a x^3)),  c = sqrt(2/pi),  a = 0.044715
 */
export function gelu<T extends tf.Tensor>(x: T): T {
  return differentiable<T>([x], () => {
    // P(X <= x) itself is saved, not erf: the backward pass needs no more than it and x.
    const probability = mul(erfc(mul(x, -Math.SQRT1_2)), 0.5);
    return {
      value: mul(x, probability) as T,
      saved: [x, probability],
      // dy/dx = P(X <= x) + x exp(-x^2 / 2) / sqrt(2 pi)
      gradient: (dy, saved) => {
        const [input, p] = saved as [tf.Tensor, tf.Tensor];
        const density = mul(exp(mul(square(input), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return [mul(dy, add(p, mul(input, density)))];
      },
    };
  });
}

const C = Math.sqrt(2 / Math.PI);
const A = 0.044715;

/** The tanh approximation. */
export function geluTanh<T extends tf.Tensor>(x: T): T {
  return differentiable<T>([x], () => {
    const t = tanh(mul(mul(x, add(mul(square(x), A), 1)), C));
    return {
      value: mul(mul(x, add(t, 1)), 0.5) as T,
      saved: [x, t],
      // dy/dx = (1 + t)/2 + x/2 (1 - t^2) c (1 + 3 a x^2)
      gradient: (dy, saved) => {
        const [input, tangent] = saved as [tf.Tensor, tf.Tensor];
        const inner = mul(add(mul(square(input), 3 * A), 1), C / 2);
        const steep = mul(mul(input, inner), sub(mul(square(tangent), -1), -1));
        return [mul(dy, add(mul(add(tangent, 1), 0.5), steep))];
      },
    };
  });
}
