import type { Moments } from './moments.ts';

/** The mean cosine of the angle between an activation and its reconstruction (0 where either vanishes). */
export const meanCosine = ({ cosine, rows }: Moments): number => cosine / rows;
