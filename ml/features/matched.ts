import type { RandomStream } from '../random/stream.ts';

/** What is known of each latent of a dictionary on ordinary text: its share of active positions, its mean activation. */
export interface LatentActivity {
  densities: ArrayLike<number>;
  means: ArrayLike<number>;
}

/**
 * As many latents as `flagged`, each drawn without replacement from those not flagged that are active about as often and about
 * as strongly as a flagged one (one of the `neighbours` nearest in log density and log mean activation, at random): a control
 * that removes about as much, or fires about as often, so that a difference is about *which* features they are. Dead latents
 * are never drawn.
 */
export function matchedRandom(
  flagged: readonly number[],
  { densities, means }: LatentActivity,
  stream: RandomStream,
  neighbours = 5,
): number[] {
  const places = Array.from({ length: means.length }, (_, i) => [
    Math.log((densities[i] as number) + 1e-12),
    Math.log((means[i] as number) + 1e-12),
  ]);
  const free = unflagged(flagged, means);
  const drawn: number[] = [];
  for (const feature of flagged) {
    const [density, mean] = places[feature] as [number, number];
    const distance = (i: number) => {
      const [d, m] = places[i] as [number, number];
      return Math.hypot(d - density, m - mean);
    };
    free.sort((a, b) => distance(a) - distance(b) || a - b);
    if (free.length === 0) break;
    drawn.push(...free.splice(stream.integer(Math.min(neighbours, free.length)), 1));
  }
  return drawn.sort((a, b) => a - b);
}

/** As many latents as `flagged`, drawn evenly from those that are neither flagged nor dead. */
export function evenlyRandom(
  flagged: readonly number[],
  { means }: LatentActivity,
  stream: RandomStream,
): number[] {
  const free = unflagged(flagged, means);
  return Array.from(
    stream.permutation(free.length).subarray(0, flagged.length),
    (i) => free[i] as number,
  ).sort((a, b) => a - b);
}

function unflagged(flagged: readonly number[], means: ArrayLike<number>): number[] {
  const taken = new Set(flagged);
  return Array.from({ length: means.length }, (_, i) => i).filter(
    (i) => !taken.has(i) && (means[i] as number) > 0,
  );
}
