import type { Moments } from './moments.ts';

/** L0: the mean number of features above 0 at a position. */
export const l0 = ({ active, rows }: Moments): number => active / rows;

/** L1: the mean sum of feature activations at a position, in the activations' units. */
export const l1 = ({ l1: sum, rows }: Moments): number => sum / rows;
