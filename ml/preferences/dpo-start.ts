import type { LanguageModel } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import type { Estimate } from '../stats/types.ts';
import type { DpoSettings } from './dpo-settings.ts';
import { measurePairs, type PairSums } from './held-out.ts';
import { type HeldOutMetric, heldOutMetrics } from './held-out-metrics.ts';
import { fillLogProbs, type LogProbsOfPairs, logProbBatches, noLogProbs } from './log-probs.ts';
import type { TokenPair } from './token-pairs.ts';

/** What is known before the first update, and never again: a checkpoint must hold it. */
export interface DpoStart {
  /** Log-probabilities under the reference of the pairs to learn from. */
  reference: LogProbsOfPairs;
  heldOut: { reference: LogProbsOfPairs; before: Record<HeldOutMetric, Estimate> } | null;
}

export interface DpoStartParts {
  policy: LanguageModel;
  /** The policy itself, or another model. */
  reference: LanguageModel;
  pairs: readonly TokenPair[];
  /** The pairs that the run will take, in parts: see `pairsTaken`. */
  taken: readonly Int32Array[];
  /** What was computed before, of all pairs. */
  stored: LogProbsOfPairs | null;
  heldOut: readonly TokenPair[] | null;
  padId: number;
  settings: DpoSettings;
  /** For intervals. */
  draws: RandomStream;
  /** Called after each batch. */
  progress(): void;
}

/** Pairs of one pass without gradients. The default of rlhf.reference is the same, and so are then the numbers. */
export const MEASURED_PAIRS = 8;

export function measureStart(parts: DpoStartParts): DpoStart {
  const { policy, reference: model, pairs, taken, stored, heldOut, padId, settings, progress } = parts;
  const reference = stored ?? noLogProbs(pairs.length);
  if (!stored)
    for (const batch of taken.flatMap((part) => logProbBatches(pairs, part, MEASURED_PAIRS))) {
      fillLogProbs(model, pairs, batch, padId, reference);
      progress();
    }
  if (!heldOut) return { reference, heldOut: null };
  const options = { padId, size: MEASURED_PAIRS, progress };
  const sums = measurePairs(policy, heldOut, options);
  const theirs = logProbsOf(model === policy ? sums : measurePairs(model, heldOut, options));
  return {
    reference,
    heldOut: {
      reference: theirs,
      before: heldOutMetrics(heldOut, sums, theirs, settings, parts.draws),
    },
  };
}

const logProbsOf = ({ chosen, rejected }: PairSums): LogProbsOfPairs => ({
  chosen: Float32Array.from(chosen, ({ logProb }) => logProb),
  rejected: Float32Array.from(rejected, ({ logProb }) => logProb),
});
