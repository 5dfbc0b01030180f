import type { RandomStream } from '../../random/stream.ts';

/**
 * The null: descriptions dealt anew, so that each feature has that of another. [shuffle][feature], none with its own; fewer
 * shuffles than asked for where there are not enough others.
 */
export function shuffledDescriptions(features: number, shuffles: number, draws: RandomStream): Int32Array[] {
  const order = draws.permutation(features);
  return Array.from({ length: Math.max(0, Math.min(shuffles, features - 1)) }, (_, s) => {
    const of = new Int32Array(features);
    order.forEach((feature, i) => {
      of[feature] = order[(i + s + 1) % features] as number;
    });
    return of;
  });
}
