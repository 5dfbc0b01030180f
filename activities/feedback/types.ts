import type { Job } from '../../compute/types.ts';
import type { Reward } from '../../ml/rewards/types.ts';

/** What opening a feedback needs of the job that uses it. */
export type FeedbackJob = Pick<Job, 'workDirectory' | 'durableDirectory' | 'cacheDirectory'>;

export interface OpenContext {
  job: FeedbackJob;
  /** Where secrets are: the environment of the compute child. */
  environment: NodeJS.ProcessEnv;
  /** Where it stands in the file, for messages: `feedback`, `feedback.of[1].feedback`. */
  field: string;
  /** The same as part of a file name: every part of a sum has files of its own. */
  name: string;
}

export type Opener<F> = (feedback: F, context: OpenContext) => Promise<Reward>;
