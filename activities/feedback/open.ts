import { type RewardShape, shapedReward } from '../../ml/rewards/shape.ts';
import { sumReward, type WeightedReward } from '../../ml/rewards/sum.ts';
import type { Reward } from '../../ml/rewards/types.ts';
import type { Feedback, SumFeedback } from '../../schemas/generated/parameters.ts';
import { openClassifier, openRewardModel } from './classifier.ts';
import { openHttp } from './http.ts';
import { openJudgeReward } from './judge.ts';
import { openLexiconReward } from './lexicon.ts';
import { openModule } from './module.ts';
import { openPreferences } from './preferences.ts';
import type { FeedbackJob, OpenContext, Opener } from './types.ts';

/** One line a kind of feedback. */
const OPENERS: { [K in Feedback['kind']]: Opener<Extract<Feedback, { kind: K }>> } = {
  lexicon: openLexiconReward,
  classifier: openClassifier,
  'reward-model': openRewardModel,
  preferences: openPreferences,
  module: openModule,
  http: openHttp,
  judge: openJudgeReward,
  sum: openSum,
};

/**
 * The reward that the `feedback` of an experiment describes, ready to score. Close it when done.
 * @param field the parameter that holds it, for messages
 */
export function openReward(feedback: Feedback, job: FeedbackJob, field = 'feedback'): Promise<Reward> {
  return openPart(feedback, { job, environment: process.env, field, name: 'feedback' });
}

async function openPart(feedback: Feedback, context: OpenContext): Promise<Reward> {
  const open = OPENERS[feedback.kind] as Opener<Feedback>;
  return shapedReward(await open(feedback, context), shapeOf(feedback));
}

/** A lexicon scales and clips by itself. */
function shapeOf(feedback: Feedback): RewardShape {
  const lengthPenalty = feedback['length-penalty'];
  if (feedback.kind === 'lexicon') return { lengthPenalty };
  return { scale: feedback.scale, clip: feedback.clip, lengthPenalty };
}

async function openSum({ of }: SumFeedback, context: OpenContext): Promise<Reward> {
  const parts: WeightedReward[] = [];
  try {
    for (const [i, { weight, feedback }] of of.entries()) {
      const field = `${context.field}.of[${i}].feedback`;
      parts.push({
        weight,
        reward: await openPart(feedback, { ...context, field, name: `${context.name}-${i}` }),
      });
    }
  } catch (error) {
    for (const { reward } of parts) reward.close?.();
    throw error;
  }
  return sumReward(parts);
}
