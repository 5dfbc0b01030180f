import type { RandomStream } from '../random/stream.ts';
import { bootstrapMean } from '../stats/bootstrap.ts';
import { type Calibration, calibration } from '../stats/calibration.ts';
import { proportion } from '../stats/proportion.ts';
import type { Estimate } from '../stats/types.ts';
import { sigmoid, softplus } from './bradley-terry.ts';
import { rowLogits } from './row-logits.ts';
import type { TokenPair } from './token-pairs.ts';
import type { SequenceClassifier } from './types.ts';

/** How well a reward model tells what people preferred; every estimate is over pairs, taken as independent. */
export interface PairEvaluation {
  /** Share of pairs whose chosen text scores higher; a tie is a miss. */
  accuracy: Estimate;
  /** Mean of d = r_c - r_r. */
  margin: Estimate;
  /** Mean of -log sigmoid(d), in nats. */
  loss: Estimate;
  /** Of the confidence sigmoid(|d|) that the text with the higher score is the chosen one. */
  calibration: Calibration;
}

/** Bins of the reliability, over confidences from 0.5 to 1. */
const BINS = 10;

/** @param classifier with one output */
export function evaluatePairs(
  classifier: SequenceClassifier,
  pairs: readonly TokenPair[],
  draws: (name: string) => RandomStream,
): PairEvaluation {
  const scores = rowLogits(
    classifier,
    pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]),
  ).map(([score]) => score as number);
  const differences = Float64Array.from(
    pairs,
    (_, i) => (scores[2 * i] as number) - (scores[2 * i + 1] as number),
  );
  const right = Array.from(differences, (difference) => difference > 0);
  const unit = 'pair';
  const loss = differences.map((difference) => softplus(-difference));
  return {
    accuracy: proportion(right.filter(Boolean).length, pairs.length, unit),
    margin: bootstrapMean(differences, { stream: draws('margin'), unit }),
    loss: bootstrapMean(loss, { stream: draws('loss'), unit }),
    calibration: calibration(
      differences.map((difference) => sigmoid(Math.abs(difference))),
      right,
      { bins: BINS, lowest: 0.5, unit },
    ),
  };
}
