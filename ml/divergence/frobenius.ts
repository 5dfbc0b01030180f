import type { TensorChange } from './types.ts';

/**
 * The paper's divergence of a block: the sum over all of its parameter tensors p (weights and biases of attention, MLP and
 * norms) of the Frobenius norm of the change,
 *
 *   D_l = sum_p || theta_tuned,p - theta_base,p ||
 *
 * Source: Marks et al., "Interpreting Learned Feedback Patterns in Large Language Models" (NeurIPS 2024), section 3.2.
 * Norms are not normalised, so tensors that are big or have big entries count for more.
 */
export function frobeniusDivergence(tensors: readonly TensorChange[]): number {
  return tensors.reduce((sum, { difference }) => sum + difference, 0);
}
