import { type Moments, scatter } from './moments.ts';

/**
 * FVE, the fraction of variance explained: 1 - sum_d Var(x - x_hat)_d / sum_d Var(x)_d, variances over positions
 * (dictionary_learning's frac_variance_explained). A constant reconstruction scores 0, whatever the constant: a bias of the
 * error is not counted. NaN when the activations do not vary.
 */
export const fractionExplained = (m: Moments): number =>
  1 - scatter(m.rows, m.errorSum_D, m.errorSquares) / scatter(m.rows, m.sum_D, m.squares);

/**
 * FVU, the fraction of variance unexplained: sum ||x - x_hat||^2 / sum ||x - mean x||^2 (sparsify). The mean reconstructed
 * scores 1. At least 1 - FVE, and more where the error has a mean.
 */
export const fractionUnexplained = (m: Moments): number =>
  m.errorSquares / scatter(m.rows, m.sum_D, m.squares);
