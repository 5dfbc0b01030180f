import type { Moments } from './moments.ts';

/**
 * Relative reconstruction bias: mean ||x_hat||^2 / mean (x . x_hat) (Rajamanoharan et al., "Improving dictionary learning
 * with gated sparse autoencoders", 2024, eq. 10). 1 for an unbiased reconstruction, below 1 for one that shrinks.
 */
export const relativeReconstructionBias = ({ reconstructionSquares, product }: Moments): number =>
  reconstructionSquares / product;
