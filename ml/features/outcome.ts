import type { RandomStream } from '../random/stream.ts';
import { distinct } from '../rlhf/distinct.ts';
import { bootstrapMany, meanOf } from '../stats/bootstrap.ts';
import { crossedMean } from '../stats/crossed-mean.ts';
import type { Estimate } from '../stats/types.ts';

/** What a model did under one condition; conditions are aligned by prompt, and so compared prompt by prompt. */
export interface Outcome {
  /** Of the completion of each prompt. */
  rewards: Float64Array;
  /** Tokens written. */
  lengths: Float64Array;
  /** Nats a token that the model gives to what people wrote after the prompt's beginning; null: not measured. */
  losses: Float64Array | null;
  completions: readonly string[];
}

/** Changes against the intact model, by prompt. */
export interface Change {
  reward: Estimate;
  length: Estimate;
  loss: Estimate | null;
  /** Of the completions themselves: no interval, since texts that are drawn twice repeat themselves. */
  distinct2: number;
}

/** What a condition changes, with bootstrap intervals over prompts from the same resamples for all measures. */
export function changeOf(outcome: Outcome, intact: Outcome, stream: RandomStream): Change {
  const columns = [difference(outcome.rewards, intact.rewards), difference(outcome.lengths, intact.lengths)];
  if (outcome.losses && intact.losses) columns.push(difference(outcome.losses, intact.losses));
  const [reward, length, loss] = meansOf(columns, stream);
  return {
    reward: reward as Estimate,
    length: length as Estimate,
    loss: loss ?? null,
    distinct2: distinct(outcome.completions, 2),
  };
}

/** The change averaged over several draws of a control; the intervals hold for other prompts and other draws. */
export function changeOfDraws(draws: readonly Outcome[], intact: Outcome): Change {
  const change = (of: (outcome: Outcome) => Float64Array) =>
    crossedMean(
      draws.map((draw) => difference(of(draw), of(intact))),
      'prompt',
    );
  return {
    reward: change(({ rewards }) => rewards),
    length: change(({ lengths }) => lengths),
    loss: intact.losses ? change(({ losses }) => losses as Float64Array) : null,
    distinct2: draws.reduce((sum, { completions }) => sum + distinct(completions, 2), 0) / draws.length,
  };
}

/** How far the reward under a condition is from that under the draws of its control: for other prompts and other draws. */
export function rewardOverDraws(outcome: Outcome, draws: readonly Outcome[]): Estimate {
  return crossedMean(
    draws.map((draw) => difference(outcome.rewards, draw.rewards)),
    'prompt',
  );
}

/** Means of columns that are aligned by prompt; all from the same resamples. */
export function meansOf(columns: readonly Float64Array[], stream: RandomStream): Estimate[] {
  return bootstrapMany(
    columns[0]?.length ?? 0,
    columns.length,
    (rows, out) => {
      for (const [k, column] of columns.entries()) out[k] = meanOf(column, rows);
    },
    { stream, unit: 'prompt' },
  );
}

export const difference = (a: Float64Array, b: Float64Array): Float64Array =>
  a.map((value, i) => value - (b[i] as number));
