/**
 * What is done to a completion's score before it becomes a reward; all of it is off by default.
 *
 *   scale       score / s                   s: standard deviation of all scores so far, this batch included
 *   normalise   (score - m) / s             m: their mean
 *   clip        then clip(score, -c, c)
 *   penalty     then score - p for a completion that did not end by itself
 *
 * Sources: TRL 0.7.11, `PPOTrainer.step` (`use_score_scaling`, `use_score_norm`, `score_clip`) with its `RunningMoments`; the
 * penalty is `missing_eos_penalty` of TRL from 0.12 on. It comes last, so that it is not scaled away or clipped.
 */
export interface ScoreShaping {
  scaleRewards: 'off' | 'scale' | 'normalise';
  /** c; null: not clipped. */
  clipRewards: number | null;
  /** p; 0: none. */
  missingEosPenalty: number;
}

export const NO_SHAPING: ScoreShaping = { scaleRewards: 'off', clipRewards: null, missingEosPenalty: 0 };

/** Of all scores so far. */
export interface MomentsState {
  mean: number;
  /** Without Bessel's correction. */
  variance: number;
  count: number;
}

/** Machine epsilon of float32, which TRL adds to the standard deviation. */
const EPSILON = 2 ** -23;

export class ScoreShaper {
  private moments: MomentsState = { mean: 0, variance: 0, count: 0 };

  constructor(private readonly shaping: ScoreShaping) {}

  /** The shaped scores of a batch, whose scores count in the moments from here on. */
  shape(scores: readonly number[], ended: readonly boolean[]): number[] {
    const { scaleRewards, clipRewards, missingEosPenalty } = this.shaping;
    if (scaleRewards !== 'off') this.moments = withBatch(this.moments, scores);
    const centre = scaleRewards === 'normalise' ? this.moments.mean : 0;
    const factor = scaleRewards === 'off' ? 1 : scaleOf(this.moments);
    return scores.map((score, i) => {
      let shaped = (score - centre) / factor;
      if (clipRewards !== null) shaped = Math.min(clipRewards, Math.max(-clipRewards, shaped));
      return ended[i] ? shaped : shaped - missingEosPenalty;
    });
  }

  save(): MomentsState {
    return { ...this.moments };
  }

  load(moments: MomentsState): void {
    this.moments = { ...moments };
  }
}

/** Chan et al. (1979): the moments of two samples together. */
function withBatch({ mean, variance, count }: MomentsState, scores: readonly number[]): MomentsState {
  const n = scores.length;
  const batchMean = scores.reduce((sum, x) => sum + x, 0) / n;
  const squares = scores.reduce((sum, x) => sum + (x - batchMean) ** 2, 0);
  const total = count + n;
  const delta = batchMean - mean;
  return {
    mean: mean + (delta * n) / total,
    variance: (variance * count + (delta ** 2 * count * n) / total + squares) / total,
    count: total,
  };
}

/** 1 where all scores so far are equal: they have no scale. */
function scaleOf({ variance, count }: MomentsState): number {
  const deviation = count > 1 ? Math.sqrt((variance * count) / (count - 1)) : 0;
  return deviation > 0 ? deviation + EPSILON : 1;
}
