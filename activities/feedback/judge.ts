import { openJudge } from '../../labeling/judge.ts';
import { ComputeError } from '../../ml/failure.ts';
import type { JudgeFeedback } from '../../schemas/generated/parameters.ts';
import type { Opener } from './types.ts';

/** A language model that scores by a rubric. Its replies are cached, its spending capped a point. */
export const openJudgeReward: Opener<JudgeFeedback> = async (feedback, { job, environment, field, name }) => {
  const [lowest, highest] = feedback.range as [number, number];
  if (lowest >= highest) {
    throw new ComputeError(
      'bad-parameter',
      `\`${field}.range\` is [${lowest}, ${highest}]: the lowest comes first`,
      {
        hint: `write \`range: [${highest}, ${lowest}]\`, with two different scores`,
      },
    );
  }
  const judge = openJudge({ ...feedback, range: [lowest, highest] }, job, environment, {
    field,
    ledger: `${name}-ledger.jsonl`,
  });
  return {
    description: `the score of ${feedback.model} by a rubric, from ${lowest} to ${highest}`,
    ...judge,
  };
};
