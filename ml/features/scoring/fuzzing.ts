import type { RandomStream } from '../../random/stream.ts';
import type { FeatureExample } from '../types.ts';
import type { MarkedWindow } from './types.ts';

/** Tokens are marked from this share of the feature's largest activation on (delphi's threshold); the strongest always is. */
const MARKED_SHARE = 0.3;

/** A window with the tokens marked at which the feature is active. */
export function rightMarks({ tokens, activations }: FeatureExample, max: number): MarkedWindow {
  const peak = Math.max(...activations);
  return {
    tokens,
    marked: activations.map(
      (activation) => activation > 0 && activation >= Math.min(peak, MARKED_SHARE * max),
    ),
  };
}

/**
 * The same window with as many other tokens marked, at which the feature is silent: so whoever judges must know what the
 * feature is active at, not what the text is about. Fewer are marked where fewer are silent; null where none is.
 *
 * delphi marks tokens of windows in which the feature is silent altogether, which the text alone may give away.
 */
export function wrongMarks(example: FeatureExample, max: number, draws: RandomStream): MarkedWindow | null {
  const count = rightMarks(example, max).marked.filter(Boolean).length;
  const silent = example.activations.flatMap((activation, i) => (activation === 0 ? [i] : []));
  if (silent.length === 0) return null;
  const chosen = new Set(
    Array.from(draws.permutation(silent.length).subarray(0, count), (i) => silent[i] as number),
  );
  return { tokens: example.tokens, marked: example.tokens.map((_, i) => chosen.has(i)) };
}
