import type { RandomStream } from '../random/stream.ts';
import type { ExampleDraw, FeatureExample } from './types.ts';

/** Tokens on either side of the middle of a window, if nothing else is said. */
export const RADIUS = 12;
/** A feature is silent where it stays at or below this share of its largest activation (SAEBench's threshold). */
const SILENT_SHARE = 0.01;

/**
 * Half of the texts are for explaining, half for scoring, whatever the feature: what scores a description was never seen by
 * whoever wrote it, nor by whoever described a neighbour.
 */
export function splitTexts(texts: number, draws: RandomStream): boolean[] {
  const forScoring = new Array<boolean>(texts).fill(false);
  for (const text of draws.permutation(texts).subarray(0, Math.floor(texts / 2))) forScoring[text] = true;
  return forScoring;
}

/** Of `active` texts, strongest first: the `top` first ones, and one of each of `quantiles` equal shares of the others. */
export function topAndQuantiles(
  active: number,
  { top, quantiles }: { top: number; quantiles: number },
  draws: RandomStream,
): { rank: number; draw: ExampleDraw }[] {
  const first = Math.min(top, active);
  const spread = oneOfEach(active - first, quantiles, draws);
  return [
    ...Array.from({ length: first }, (_, rank) => ({ rank, draw: 'top' as const })),
    ...spread.map((place) => ({ rank: first + place, draw: 'quantile' as const })),
  ];
}

/** One of each of `count` equal shares of `size` places, at random; all places where there are no more. */
function oneOfEach(size: number, count: number, draws: RandomStream): number[] {
  if (size <= count) return Array.from({ length: Math.max(0, size) }, (_, place) => place);
  return Array.from({ length: count }, (_, share) => {
    const low = Math.floor((share * size) / count);
    return low + draws.integer(Math.floor(((share + 1) * size) / count) - low);
  });
}

/**
 * As published: `count` at random of the 20 strongest. (The published code scales every text to its own peak first, so that its
 * 20 are arbitrary; ranks here are by activation, as the paper intends.)
 */
export function randomOfStrongest(
  active: number,
  count: number,
  draws: RandomStream,
): { rank: number; draw: ExampleDraw }[] {
  const strongest = draws.permutation(Math.min(20, active)).subarray(0, count);
  return Array.from(strongest, (rank) => ({ rank, draw: 'top' as const })).sort((a, b) => a.rank - b.rank);
}

/** One feature in one text. */
export interface Trace {
  /** Index of the text in the data. */
  text: number;
  tokens: readonly string[];
  activations_T: ArrayLike<number>;
}

/** The window around one position. */
export function windowAt(
  { text, tokens, activations_T }: Trace,
  position: number,
  { quantile, draw, neighbour }: Pick<FeatureExample, 'quantile' | 'draw' | 'neighbour'>,
  radius: number,
): FeatureExample {
  const from = Math.max(0, position - radius);
  const to = Math.min(tokens.length, position + radius + 1);
  const round = (value: number) => Number(value.toPrecision(5));
  return {
    tokens: tokens.slice(from, to),
    activations: Array.from({ length: to - from }, (_, i) => round(activations_T[from + i] as number)),
    quantile: round(quantile),
    text,
    draw,
    ...(neighbour === undefined ? {} : { neighbour }),
  };
}

/** The first of the strongest positions. */
export function peakOf(activations_T: ArrayLike<number>): number {
  let peak = 0;
  for (let t = 1; t < activations_T.length; t++)
    if ((activations_T[t] as number) > (activations_T[peak] as number)) peak = t;
  return peak;
}

/** Whether the feature is silent in the whole window around a position. */
export function silentAt(
  activations_T: ArrayLike<number>,
  position: number,
  max: number,
  radius: number,
): boolean {
  const to = Math.min(activations_T.length, position + radius + 1);
  for (let t = Math.max(0, position - radius); t < to; t++)
    if ((activations_T[t] as number) > SILENT_SHARE * max) return false;
  return true;
}

/** A position of the text at random around which the feature is silent; null where there is none. */
export function silentPosition(
  activations_T: ArrayLike<number>,
  max: number,
  draws: RandomStream,
  radius: number,
): number | null {
  const possible: number[] = [];
  for (let t = 0; t < activations_T.length; t++)
    if (silentAt(activations_T, t, max, radius)) possible.push(t);
  return possible.length > 0 ? draws.choice(possible) : null;
}
