import type { RandomStream } from '../random/stream.ts';
import type { FeatureExample } from './types.ts';

/** One text of the sample: its tokens and the activations of one dictionary at its positions. */
export interface EncodedText {
  tokens: string[];
  /** [T, F], row-major. */
  activations_TF: Float32Array;
}

/** Running totals of every latent of one dictionary over a stream of texts. */
export class ActivationSurvey {
  positions = 0;
  readonly active_F: Float64Array;
  readonly total_F: Float64Array;
  readonly max_F: Float32Array;
  /** Per latent: the texts in which it was active and its peak there. */
  private readonly peaks: { text: number; peak: number }[][];

  constructor(readonly features: number) {
    this.active_F = new Float64Array(features);
    this.total_F = new Float64Array(features);
    this.max_F = new Float32Array(features);
    this.peaks = Array.from({ length: features }, () => []);
  }

  add(text: number, encoded: EncodedText): void {
    const { features } = this;
    const length = encoded.tokens.length;
    const best = new Float32Array(features);
    for (let t = 0; t < length; t++) {
      for (let f = 0; f < features; f++) {
        const a = encoded.activations_TF[t * features + f] as number;
        if (a === 0) continue;
        this.active_F[f] = (this.active_F[f] as number) + 1;
        this.total_F[f] = (this.total_F[f] as number) + a;
        if (a > (best[f] as number)) best[f] = a;
      }
    }
    this.positions += length;
    for (let f = 0; f < features; f++) {
      const peak = best[f] as number;
      if (peak <= 0) continue;
      if (peak > (this.max_F[f] as number)) this.max_F[f] = peak;
      (this.peaks[f] as { text: number; peak: number }[]).push({ text, peak });
    }
  }

  /** Texts in which the latent is active, strongest first; ties by text order. */
  ranked(feature: number): { text: number; peak: number }[] {
    return [...(this.peaks[feature] ?? [])].sort((a, b) => b.peak - a.peak || a.text - b.text);
  }
}

/** Latents that are worth explaining: active in at least `minimumTexts` texts, at most `maximumDensity` of positions. */
export function candidates(survey: ActivationSurvey, minimumTexts: number, maximumDensity: number): number[] {
  const found: number[] = [];
  for (let f = 0; f < survey.features; f++) {
    const density = (survey.active_F[f] as number) / survey.positions;
    if (survey.ranked(f).length >= minimumTexts && density <= maximumDensity) found.push(f);
  }
  return found;
}

/**
 * Which texts exemplify a latent: `count` draws, half the strongest and half spread over quantiles of its active texts,
 * for showing; and as many others, disjoint from them, for scoring (quantiles on one scale for the whole latent: a
 * scale per text would make every text peak alike). Returns positions in `ranked(feature)`.
 */
export function chooseExamples(
  active: number,
  count: number,
  stream: RandomStream,
): { shown: number[]; heldOut: number[] } {
  const top = Math.min(Math.ceil(count / 2), active);
  const shown = Array.from({ length: top }, (_, i) => i);
  const rest = Array.from(stream.permutation(Math.max(0, active - top)), (i) => i + top);
  const spread: number[] = [];
  const bins = count - top;
  for (let bin = 0; bin < bins; bin++) {
    const low = top + Math.floor((bin * (active - top)) / bins);
    const high = top + Math.floor(((bin + 1) * (active - top)) / bins);
    const pick = rest.find((i) => i >= low && i < high && !spread.includes(i));
    if (pick !== undefined) spread.push(pick);
  }
  const used = new Set([...shown, ...spread]);
  const heldOut = rest.filter((i) => !used.has(i)).slice(0, count);
  return { shown: [...shown, ...spread], heldOut: heldOut.sort((a, b) => a - b) };
}

/** The window of `2 radius + 1` tokens around the strongest position of one latent in one text. */
export function exampleWindow(
  encoded: EncodedText,
  feature: number,
  features: number,
  quantile: number,
  radius = 12,
): FeatureExample {
  const length = encoded.tokens.length;
  let peak = 0;
  const at = (t: number) => encoded.activations_TF[t * features + feature] as number;
  for (let t = 1; t < length; t++) if (at(t) > at(peak)) peak = t;
  const from = Math.max(0, peak - radius);
  const to = Math.min(length, peak + radius + 1);
  const round = (value: number) => Number(value.toPrecision(5));
  return {
    tokens: encoded.tokens.slice(from, to),
    activations: Array.from({ length: to - from }, (_, i) => round(at(from + i))),
    quantile: round(quantile),
  };
}
