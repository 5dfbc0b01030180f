import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FeedbackJob } from '../../../activities/feedback/types.ts';
import { openReward } from '../../../activities/feedback.ts';
import { validateParameters } from '../../../compiler/kinds/validate.ts';
import type { ComputeError } from '../../../ml/failure.ts';
import { checkedScores } from '../../../ml/rewards/checked.ts';
import type { Reward } from '../../../ml/rewards/types.ts';
import type { Feedback } from '../../../schemas/generated/parameters.ts';
import type { Json } from '../../../store/types.ts';

export function place(): FeedbackJob {
  const directory = mkdtempSync(join(tmpdir(), 'feedback-'));
  return { workDirectory: directory, durableDirectory: directory, cacheDirectory: directory };
}

/** Opens a feedback as it is written, its defaults filled in. */
export function open(written: Record<string, unknown>, job = place()): Promise<Reward> {
  const { params, problems } = validateParameters('rlhf.ppo', {
    ...{
      model: { $artifact: 'model', digest: '0'.repeat(64) },
      prompts: { $artifact: 'texts', digest: '0'.repeat(64) },
    },
    reward: written as Json,
  });
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return openReward(params.reward as unknown as Feedback, job);
}

export const texts = (...completions: string[]) =>
  completions.map((completion) => ({ prompt: 'I think', completion, tokens: completion.split(' ').length }));

export const scores = (reward: Reward, ...completions: string[]) =>
  checkedScores(reward, texts(...completions));

/** What a person would read. */
export async function failure(
  work: Promise<unknown>,
): Promise<{ code: string; message: string; hint?: string; retryable?: boolean }> {
  try {
    await work;
  } catch (error) {
    const { code, message, options } = error as ComputeError;
    return { code, message, ...options };
  }
  throw new Error('nothing failed');
}
