import type { LanguageModel } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import { bootstrapMean } from '../stats/bootstrap.ts';
import { proportion } from '../stats/proportion.ts';
import type { Estimate } from '../stats/types.ts';
import { fillLogProbs, logProbBatches, noLogProbs } from './log-probs.ts';
import type { TokenPair } from './token-pairs.ts';

/** Pairs at once. */
const BATCH = 8;

/**
 * Whether the implicit reward log p(y|x) - log q(y|x) of a tuned model p beside its base q (Rafailov et al. 2023, section 4)
 * prefers what people preferred, on pairs that tuning did not see; and, as its control, whether the base's likelihood does.
 * A tie counts as half.
 */
export function implicitAccuracy(
  tuned: LanguageModel,
  base: LanguageModel,
  pairs: readonly TokenPair[],
  { padId, draws, progress }: { padId: number; draws: RandomStream; progress?: () => void },
): Record<'pair_accuracy' | 'pair_accuracy_base' | 'pair_margin', Estimate> {
  const all = Int32Array.from(pairs.keys());
  const [policy, reference] = [tuned, base].map((model) => {
    const sums = noLogProbs(pairs.length);
    for (const batch of logProbBatches(pairs, all, BATCH)) {
      fillLogProbs(model, pairs, batch, padId, sums);
      progress?.();
    }
    return Array.from(sums.chosen, (chosen, i) => chosen - (sums.rejected[i] as number));
  }) as [number[], number[]];
  const margins = policy.map((margin, i) => margin - (reference[i] as number));
  return {
    pair_accuracy: shareRight(margins),
    pair_accuracy_base: shareRight(reference),
    pair_margin: bootstrapMean(margins, { stream: draws, unit: 'pair' }),
  };
}

function shareRight(margins: readonly number[]): Estimate {
  const right = margins.reduce((sum, margin) => sum + (margin > 0 ? 1 : margin === 0 ? 0.5 : 0), 0);
  return proportion(right, margins.length, 'pair');
}
