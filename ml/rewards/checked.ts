import { ComputeError } from '../failure.ts';
import type { PromptCompletion, Reward } from './types.ts';

/**
 * The reward of every text.
 * @throws ComputeError `bad-reward` naming the text, when the reward fails on it or gives no finite number; its own
 *   ComputeErrors as they are
 */
export async function checkedScores(reward: Reward, texts: readonly PromptCompletion[]): Promise<number[]> {
  const scores = await scored(reward, texts);
  if (!Array.isArray(scores) || scores.length !== texts.length) {
    const given = Array.isArray(scores) ? `${scores.length} scores` : 'no list of scores';
    throw new ComputeError('bad-reward', `The reward gave ${given} for ${texts.length} texts`, {
      hint: `\`reward\` (${reward.description}) must give one number a text, in order`,
    });
  }
  for (const [i, score] of scores.entries()) {
    if (Number.isFinite(score)) continue;
    const what = typeof score === 'number' ? score : JSON.stringify(score);
    throw new ComputeError('bad-reward', `The reward of ${shown(texts[i] as PromptCompletion)} is ${what}`, {
      hint: `\`reward\` (${reward.description}) must give a finite number for every text, also for an empty completion`,
    });
  }
  return scores;
}

async function scored(reward: Reward, texts: readonly PromptCompletion[]): Promise<number[]> {
  try {
    return await reward.score(texts);
  } catch (error) {
    if (error instanceof ComputeError) throw error;
    const culprit = texts.length === 1 ? texts[0] : await firstFailing(reward, texts);
    throw new ComputeError(
      'bad-reward',
      `The reward failed on ${culprit ? shown(culprit) : `a batch of ${texts.length} texts, but on none of them alone`}: ${error instanceof Error ? error.message : String(error)}`,
      { hint: `\`reward\` (${reward.description}) must give a finite number for every text` },
    );
  }
}

/** Rewards see many texts at once: which one they fail on is found by scoring each alone. */
async function firstFailing(
  reward: Reward,
  texts: readonly PromptCompletion[],
): Promise<PromptCompletion | undefined> {
  for (const text of texts) {
    try {
      await reward.score([text]);
    } catch {
      return text;
    }
  }
  return undefined;
}

/** Characters of a text that a message holds at most. */
const SHOWN = 400;

function shown({ prompt, completion }: PromptCompletion): string {
  const cut = (text: string) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);
  return JSON.stringify({ prompt: cut(prompt), completion: cut(completion) });
}
