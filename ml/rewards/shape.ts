import { ComputeError } from '../failure.ts';
import { checkedScores } from './checked.ts';
import type { PromptCompletion, Reward } from './types.ts';

/**
 * What is done to the scores of any reward r:
 *
 *   clip(scale * r, -clip, +clip) - weight * max(0, length - after)
 *
 * Length is that of the completion, in tokens as the model wrote them or in characters (Unicode code points). The penalty
 * comes after the clip, so that it is felt at every score. Defaults: scale 1, no clip, no penalty.
 */
export interface RewardShape {
  scale?: number | undefined;
  clip?: number | undefined;
  lengthPenalty?: LengthPenalty | undefined;
}

export interface LengthPenalty {
  per: 'token' | 'character';
  weight: number;
  /** So many cost nothing. */
  after: number;
}

export function shapedReward(reward: Reward, { scale = 1, clip, lengthPenalty }: RewardShape): Reward {
  if (scale === 1 && clip === undefined && lengthPenalty === undefined) return reward;
  const bound = clip ?? Number.POSITIVE_INFINITY;
  const words = [
    scale === 1 ? reward.description : `${scale} x (${reward.description})`,
    ...(clip === undefined ? [] : [`clipped to ±${clip}`]),
    ...(lengthPenalty === undefined ? [] : [penaltyText(lengthPenalty)]),
  ];
  return {
    ...reward,
    description: words.join(', '),
    async score(texts) {
      // Before any arithmetic, which would make a number of a score that is none.
      const scores = await checkedScores(reward, texts);
      return scores.map((score, i) => {
        const cost = lengthPenalty ? penalty(texts[i] as PromptCompletion, lengthPenalty) : 0;
        return Math.min(bound, Math.max(-bound, scale * score)) - cost;
      });
    },
  };
}

const penaltyText = ({ per, weight, after }: LengthPenalty) =>
  `less ${weight} for each ${per} of the completion${after > 0 ? ` after the first ${after}` : ''}`;

function penalty({ completion, tokens }: PromptCompletion, { per, weight, after }: LengthPenalty): number {
  const length = per === 'token' ? tokens : [...completion].length;
  if (length === undefined) {
    throw new ComputeError(
      'bad-parameter',
      'The texts scored here were not written by a model token by token',
      {
        hint: 'let the `length-penalty` of the feedback count `per: character`',
      },
    );
  }
  return weight * Math.max(0, length - after);
}
