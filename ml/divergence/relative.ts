import type { TensorChange } from './types.ts';

/**
 * Relative divergence of a block: each tensor's change relative to its own norm, pooled by the number of its elements n_p,
 *
 *   R_l = sqrt( sum_p n_p (||theta_tuned,p - theta_base,p|| / ||theta_base,p||)^2 / sum_p n_p )
 *
 * Scaling a tensor changes nothing, and a bias of a hundred entries does not outweigh a matrix. Tensors that are all zero
 * in the base model have no relative change and are left out; a block of such tensors alone has R_l = 0.
 */
export function relativeDivergence(tensors: readonly TensorChange[]): number {
  let squares = 0;
  let elements = 0;
  for (const { difference, base, elements: n } of tensors) {
    if (base === 0) continue;
    squares += n * (difference / base) ** 2;
    elements += n;
  }
  return elements > 0 ? Math.sqrt(squares / elements) : 0;
}
