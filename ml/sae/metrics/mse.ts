import type { Moments } from './moments.ts';

/** Mean squared error over all elements: mean over positions and coordinates of (x - x_hat)^2. */
export const meanSquaredError = ({ errorSquares, rows, sum_D }: Moments): number =>
  errorSquares / (rows * sum_D.length);

/** Squared error of a position: mean over positions of ||x - x_hat||^2. D times as large. */
export const squaredErrorPerRow = ({ errorSquares, rows }: Moments): number => errorSquares / rows;
