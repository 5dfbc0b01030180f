import type { LanguageModel, Tokenizer } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import type { Reward } from '../rewards/types.ts';
import { bootstrapMany, meanOf } from '../stats/bootstrap.ts';
import type { Estimate } from '../stats/types.ts';
import { complete, type Written } from './complete.ts';
import { distinct } from './distinct.ts';
import { mean, variance } from './moments.ts';
import type { Prompt } from './prompts.ts';
import { recordTokens } from './rollout.ts';
import { scoreTexts } from './score.ts';

/** What one model wrote after each prompt, `samples` times, in the prompts' order: index prompt * samples + sample. */
export interface ModelSample {
  samples: number;
  written: Written[];
  rewards: number[];
}

export interface SamplingOptions {
  samples: number;
  /** Most tokens of each completion, one a prompt. */
  limits: readonly number[];
  /** The same stream for two models makes their completions differ only as far as the models do. */
  draws: RandomStream;
}

export async function sampleModel(
  model: LanguageModel,
  tokenizer: Tokenizer,
  reward: Reward,
  prompts: readonly Prompt[],
  { samples, limits, draws }: SamplingOptions,
): Promise<ModelSample> {
  const repeated = <T>(items: readonly T[]) => items.flatMap((item) => Array<T>(samples).fill(item));
  const written = complete(model, tokenizer, repeated(prompts), repeated(limits), draws);
  const rewards = await scoreTexts(
    reward,
    written.map(({ text }) => text),
  );
  return { samples, written, rewards };
}

/**
 * KL(model || reference) of each completion that `model` wrote, in nats: the exact KL of the next-token distributions,
 * summed over its tokens. Its mean over completions is an unbiased estimate of the KL between the two distributions over
 * completions.
 */
export function completionKl(
  model: LanguageModel,
  reference: LanguageModel,
  { written }: ModelSample,
  padId: number,
): number[] {
  const { kl, lengths } = recordTokens(written, { policy: model, reference, klForm: 'full', padId });
  let at = 0;
  return lengths.map((length) => {
    const terms = kl.subarray(at, at + length);
    at += length;
    return terms.reduce((sum, term) => sum + term, 0);
  });
}

/** Metrics of a tuned model beside its base; intervals by the bootstrap over prompts, the same resamples for all. */
export function compareSamples(
  before: ModelSample,
  after: ModelSample,
  kl: readonly number[],
  stream: RandomStream,
): Record<
  'reward_before' | 'reward_after' | 'reward_gain' | 'kl' | 'length_before' | 'length_after',
  Estimate
> {
  const { samples } = before;
  const lengths = ({ written }: ModelSample) => written.map(({ response }) => response.length);
  const rewardBefore = promptMeans(before.rewards, samples);
  const rewardAfter = promptMeans(after.rewards, samples);
  const columns = {
    reward_before: rewardBefore,
    reward_after: rewardAfter,
    reward_gain: rewardAfter.map((reward, i) => reward - (rewardBefore[i] as number)),
    kl: promptMeans(kl, samples),
    length_before: promptMeans(lengths(before), samples),
    length_after: promptMeans(lengths(after), samples),
  };
  const values = Object.values(columns);
  const estimates = bootstrapMany(
    rewardBefore.length,
    values.length,
    (rows, out) => {
      for (const [k, column] of values.entries()) out[k] = meanOf(column, rows);
    },
    { stream, unit: 'prompt' },
  );
  const named = Object.keys(columns).map((name, k) => [name, estimates[k] as Estimate]);
  return Object.fromEntries(named) as ReturnType<typeof compareSamples>;
}

/** What has no interval: spread of the rewards, how completions end, and how much they repeat each other. */
export function describeSample({ written, rewards }: ModelSample) {
  const texts = written.map(({ text }) => text.completion);
  return {
    completions: written.length,
    reward_sd: Math.sqrt(variance(rewards)),
    ended: mean(written.map(({ ended }) => Number(ended))),
    distinct1: distinct(texts, 1),
    distinct2: distinct(texts, 2),
    distinct3: distinct(texts, 3),
  };
}

function promptMeans(values: readonly number[], samples: number): Float64Array {
  return Float64Array.from({ length: values.length / samples }, (_, i) =>
    mean(values.slice(i * samples, (i + 1) * samples)),
  );
}
