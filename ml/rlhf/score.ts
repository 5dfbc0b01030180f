import { ComputeError } from '../failure.ts';
import type { PromptCompletion, Reward } from '../rewards/types.ts';

/**
 * The reward of every text.
 * @throws ComputeError `bad-reward` naming the text, when the reward gives another number of scores or one that is no number
 */
export async function scoreTexts(reward: Reward, texts: readonly PromptCompletion[]): Promise<number[]> {
  const scores = await reward.score(texts);
  if (scores.length !== texts.length) {
    throw new ComputeError(
      'bad-reward',
      `The reward gave ${scores.length} scores for ${texts.length} texts`,
      {
        hint: `\`reward\` (${reward.description}) must give one number a text, in order`,
      },
    );
  }
  for (const [i, score] of scores.entries()) {
    if (Number.isFinite(score)) continue;
    throw new ComputeError('bad-reward', `The reward of ${JSON.stringify(texts[i])} is ${score}`, {
      hint: `\`reward\` (${reward.description}) must give a finite number for every text, also for an empty completion`,
    });
  }
  return scores;
}
