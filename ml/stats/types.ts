/**
 * A number with what is needed to believe it. The fields are those of the store's `Metric`, so an estimate can be handed
 * on as one. No interval: too few units, or the statistic was undefined in too many resamples.
 */
export interface Estimate {
  value: number;
  /** Two-sided interval at `level`. */
  ci_low?: number;
  ci_high?: number;
  level?: number;
  /** Number of independent units behind the value (prompts, words ...), named by `n_unit`. */
  n: number;
  n_unit: string;
  p_value?: number;
}
