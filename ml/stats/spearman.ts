import { type CorrelationResult, pearson } from './pearson.ts';
import { midRanks } from './ranks.ts';

/** Spearman's rho: Pearson's correlation of the mid-ranks (C. Spearman, 1904), with the p-value of scipy.stats.spearmanr. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): CorrelationResult {
  return pearson(midRanks(x), midRanks(y));
}
