import type { RandomStream } from '../random/stream.ts';

/**
 * As many latents as `flagged`, each drawn without replacement from those not flagged whose mean activation is nearest to
 * that of a flagged one (one of the `neighbours` nearest, at random): a control that removes about as much, so that a
 * difference is about *which* features were removed. Dead latents are never drawn.
 * @param mean_F mean activation of every latent of the dictionary
 */
export function matchedRandom(
  flagged: readonly number[],
  mean_F: ArrayLike<number>,
  stream: RandomStream,
  neighbours = 5,
): number[] {
  const taken = new Set(flagged);
  const free = Array.from({ length: mean_F.length }, (_, i) => i).filter(
    (i) => !taken.has(i) && (mean_F[i] as number) > 0,
  );
  const drawn: number[] = [];
  for (const feature of flagged) {
    const target = Math.log((mean_F[feature] as number) + 1e-12);
    const distance = (i: number) => Math.abs(Math.log(mean_F[i] as number) - target);
    free.sort((a, b) => distance(a) - distance(b) || a - b);
    if (free.length === 0) break;
    const position = stream.integer(Math.min(neighbours, free.length));
    drawn.push(...free.splice(position, 1));
  }
  return drawn.sort((a, b) => a - b);
}
