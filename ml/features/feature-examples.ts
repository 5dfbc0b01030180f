import type { RandomStream } from '../random/stream.ts';
import type { ActivationSurvey } from './examples.ts';
import type { Feature, FeatureExample } from './types.ts';
import {
  peakOf,
  randomOfStrongest,
  silentAt,
  silentPosition,
  type Trace,
  topAndQuantiles,
  windowAt,
} from './windows.ts';

export interface ExampleOptions {
  protocol: 'faithful' | 'corrected';
  /** Active windows shown. */
  shown: number;
  /** Windows of texts drawn whatever the feature does there, shown beside them; none as published. */
  random: number;
  /** Windows of each sort that are kept back for scoring. */
  heldOut: number;
  /** Tokens on either side of the middle of a window. */
  radius: number;
}

/** What excerpts are made from: the texts, which of them are for scoring, and activations of single latents in them. */
export interface ExampleSource {
  survey: ActivationSurvey;
  forScoring: readonly boolean[];
  trace(feature: number, text: number): Trace;
}

/**
 * The excerpts of a feature: those that explain it, and, of other texts, those that a description is scored on. Hard negatives
 * are taken in turn from the strongest texts of each neighbour.
 *
 * @param neighbours similar latents, most similar first
 */
export function featureExamples(
  feature: number,
  neighbours: readonly number[],
  { survey, forScoring, trace }: ExampleSource,
  options: ExampleOptions,
  draws: RandomStream,
): Pick<Feature, 'examples' | 'heldOut' | 'silent' | 'hard'> {
  const { radius } = options;
  const max = survey.max_F[feature] as number;
  const ranked = survey.ranked(feature).map(({ text }, rank, all) => ({
    text,
    quantile: all.length > 1 ? 1 - rank / (all.length - 1) : 1,
  }));
  const used = new Set<number>();
  const active = (scoring: boolean) => ranked.filter(({ text }) => forScoring[text] === scoring);
  const take = (pool: typeof ranked, chosen: { rank: number; draw: FeatureExample['draw'] }[]) =>
    chosen.map(({ rank, draw }) => {
      const { text, quantile } = pool[rank] as (typeof ranked)[number];
      used.add(text);
      const found = trace(feature, text);
      return windowAt(found, peakOf(found.activations_T), { quantile, draw }, radius);
    });

  const explaining = active(false);
  const examples = take(
    explaining,
    options.protocol === 'faithful'
      ? randomOfStrongest(explaining.length, options.shown, draws)
      : topAndQuantiles(
          explaining.length,
          { top: Math.ceil(options.shown / 2), quantiles: Math.floor(options.shown / 2) },
          draws,
        ),
  );
  const scoring = active(true);
  const heldOut = take(
    scoring,
    topAndQuantiles(scoring.length, { top: 0, quantiles: options.heldOut }, draws),
  );

  const others = Array.from(draws.permutation(forScoring.length)).filter((text) => !used.has(text));
  for (const text of others.filter((text) => !forScoring[text]).slice(0, options.random)) {
    const found = trace(feature, text);
    const at = draws.integer(found.tokens.length);
    examples.push(windowAt(found, at, { quantile: 0, draw: 'random' }, radius));
  }
  const silent: FeatureExample[] = [];
  for (const text of others.filter((text) => forScoring[text])) {
    if (silent.length === options.heldOut) break;
    const found = trace(feature, text);
    const at = silentPosition(found.activations_T, max, draws, radius);
    if (at === null) continue;
    silent.push(windowAt(found, at, { quantile: 0, draw: 'random' }, radius));
    used.add(text);
  }
  return { examples, heldOut, silent, hard: hardNegatives() };

  function hardNegatives(): FeatureExample[] {
    const found = neighbours.map((neighbour) =>
      survey.ranked(neighbour).flatMap(({ text }): FeatureExample[] => {
        if (!forScoring[text] || used.has(text)) return [];
        const at = peakOf(trace(neighbour, text).activations_T);
        const own = trace(feature, text);
        if (!silentAt(own.activations_T, at, max, radius)) return [];
        return [windowAt(own, at, { quantile: 0, draw: 'neighbour', neighbour }, radius)];
      }),
    );
    const hard: FeatureExample[] = [];
    for (let i = 0; hard.length < options.heldOut && found.some((of) => i < of.length); i++) {
      for (const of of found) {
        const window = of[i];
        if (!window || used.has(window.text) || hard.length === options.heldOut) continue;
        used.add(window.text);
        hard.push(window);
      }
    }
    return hard;
  }
}
