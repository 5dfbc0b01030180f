/**
 * A running average of the smallest activation that top-k keeps, so that a dictionary can also be used without ranking:
 * f > threshold. Over batches: t <- beta t + (1 - beta) batch, the first batch setting it (dictionary_learning's
 * TopKTrainer and BatchTopKTrainer; beta .999).
 */
export class ThresholdAverage {
  /** null until a batch was seen. */
  private value: number | null = null;

  /** @param from updates start at this step (0-based), when the dictionary has settled somewhat */
  constructor(
    private readonly beta: number,
    private readonly from: number,
  ) {}

  /** @param batch the smallest kept activation; null when none was kept */
  observe(step: number, batch: number | null): void {
    if (step < this.from || batch === null) return;
    this.value = this.value === null ? batch : this.beta * this.value + (1 - this.beta) * batch;
  }

  current(): number | null {
    return this.value;
  }

  /** After `steps` steps. Of a shorter run, whose average began earlier, nothing is kept if this one's is yet to begin. */
  restore(steps: number, value: number | null): void {
    this.value = steps > this.from ? value : null;
  }
}

/** The mean over rows of the smallest positive kept value; rows that keep none are left out, null when all are. */
export function meanRowMinimum(values_BK: Float32Array, k: number): number | null {
  let sum = 0;
  let rows = 0;
  for (let start = 0; start < values_BK.length; start += k) {
    let smallest = Number.POSITIVE_INFINITY;
    for (let i = start; i < start + k; i++) {
      const value = values_BK[i]!;
      if (value > 0 && value < smallest) smallest = value;
    }
    if (smallest !== Number.POSITIVE_INFINITY) {
      sum += smallest;
      rows++;
    }
  }
  return rows === 0 ? null : sum / rows;
}
