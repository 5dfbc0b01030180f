/**
 * The clipped loss of one probability ratio rho with advantage A, and its derivative in log rho:
 *
 *   max(-A rho, -A clip(rho, 1 - low, 1 + high))
 *
 * Sources: Schulman et al. (arXiv 1707.06347), eq. 7; a higher upper bound: DAPO, Yu et al. (arXiv 2503.14476), eq. 10.
 */
export function clippedGain(
  ratio: number,
  advantage: number,
  { clipRange, clipRangeHigh }: { clipRange: number; clipRangeHigh: number },
): { loss: number; slope: number; clipped: boolean } {
  const free = -advantage * ratio;
  const held = -advantage * Math.min(1 + clipRangeHigh, Math.max(1 - clipRange, ratio));
  const clipped = held > free;
  return { loss: clipped ? held : free, slope: clipped ? 0 : free, clipped };
}
