import type { Moments } from './moments.ts';

/** The mean of ||x_hat|| / ||x||: below 1 where the penalty shrinks reconstructions. */
export const l2Ratio = ({ ratio, rows }: Moments): number => ratio / rows;
