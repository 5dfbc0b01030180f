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

/**
 * Latents that are worth explaining: active in at least `minimumTexts` texts, of which some are for explaining and some for
 * scoring, and at most `maximumDensity` of positions.
 */
export function candidates(
  survey: ActivationSurvey,
  { minimumTexts, maximumDensity }: { minimumTexts: number; maximumDensity: number },
  forScoring: readonly boolean[],
): number[] {
  const found: number[] = [];
  for (let f = 0; f < survey.features; f++) {
    const density = (survey.active_F[f] as number) / survey.positions;
    const active = survey.ranked(f);
    const scoring = active.filter(({ text }) => forScoring[text]).length;
    if (active.length >= minimumTexts && density <= maximumDensity && scoring > 0 && scoring < active.length)
      found.push(f);
  }
  return found;
}
