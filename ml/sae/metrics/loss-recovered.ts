/**
 * What of the model's prediction survives when a layer's activations are replaced: by the dictionary's reconstruction, and,
 * for comparison, by nothing at all (zeros) or by their mean. In nats; sums over the predictions made at replaced positions.
 */
export interface SplicedLosses {
  /** Number of predictions. */
  predictions: number;
  /** Cross-entropy of the next token. */
  clean: number;
  reconstructed: number;
  zero: number;
  mean: number;
  /** KL(clean || replaced) of the next-token distributions. */
  klReconstructed: number;
  klZero: number;
  klMean: number;
}

/** What the activations are replaced by in the worst case. Zeros flatter MLP outputs, whose mean is far from 0. */
export type Ablation = 'zero' | 'mean';

/**
 * Loss recovered: (CE_ablated - CE_reconstructed) / (CE_ablated - CE_clean). 1: as good as the model itself; 0: no better
 * than the ablation; negative: worse. NaN when the ablation does not change the loss.
 */
export function lossRecovered(losses: SplicedLosses, ablation: Ablation): number {
  return ratio(losses[ablation] - losses.reconstructed, losses[ablation] - losses.clean);
}

/** KL recovered: (KL_ablated - KL_reconstructed) / KL_ablated. 1: the same distributions; 0: no nearer than the ablation. */
export function klRecovered(losses: SplicedLosses, ablation: Ablation): number {
  const ablated = ablation === 'zero' ? losses.klZero : losses.klMean;
  return ratio(ablated - losses.klReconstructed, ablated);
}

const ratio = (above: number, below: number): number => (below === 0 ? Number.NaN : above / below);

/** The sums of several texts together; a text named twice counts twice. */
export function totalLosses(texts: readonly SplicedLosses[], chosen?: Int32Array): SplicedLosses {
  const total = { ...NO_LOSSES };
  const count = chosen?.length ?? texts.length;
  for (let i = 0; i < count; i++) {
    const text = texts[chosen ? chosen[i]! : i]!;
    for (const name of NAMES) total[name] += text[name];
  }
  return total;
}

export const NO_LOSSES: Readonly<SplicedLosses> = {
  predictions: 0,
  clean: 0,
  reconstructed: 0,
  zero: 0,
  mean: 0,
  klReconstructed: 0,
  klZero: 0,
  klMean: 0,
};

const NAMES = Object.keys(NO_LOSSES) as (keyof SplicedLosses)[];
