import type { Feature } from '../../../../ml/features/types.ts';

/** A described feature that fires on one word; `rival` on half as much. */
export function describedFeature(
  feature: number,
  word: string,
  { rival = 'the', text = `words like ${word}` }: { rival?: string; text?: string } = {},
): Feature {
  const example = (quantile: number) => ({
    tokens: ['a', ' b', ` ${word}`, ' c', ` ${rival}`, ' d'],
    activations: [0, 0, 4 * quantile, 0, 2 * quantile, 0],
    quantile,
    text: Math.round(100 * quantile),
    draw: 'quantile' as const,
  });
  return {
    ...{ dictionary: 0, layer: 2, feature, density: 0.01, max: 4, mean: 0.02 },
    examples: [example(1), example(0.9)],
    heldOut: [example(0.8), example(0.7), example(0.6)],
    silent: [],
    hard: [],
    explanation: { status: 'labelled', text },
  };
}

export const WORDS = ['good', 'bad', 'film', 'actor', 'scene', 'music', 'plot', 'end', 'joke', 'war'];
