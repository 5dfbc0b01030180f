import { ComputeError } from '../../ml/failure.ts';
import type { Question, Rating } from '../../ml/features/annotation/types.ts';
import type { RatingsFile } from './read-ratings.ts';

/** What is read of a task in Label Studio's JSON export. */
export interface LabelStudioTask {
  id: number;
  data: {
    options?: unknown[];
    /** Index of the right option, from 0; -1: none is right. */
    true_option?: number;
  };
  annotations?: {
    completed_by?: number | { id?: number; email?: string };
    was_cancelled?: boolean;
    lead_time?: number;
    result?: { value?: { choices?: string[] } }[];
  }[];
}

/**
 * Ratings from an export of Label Studio whose tasks hold `options` and `true_option`, as the annotations that the paper
 * released (its `final_annotations.json`): choices are "1", "2" ..., and one more than there are options for none of them.
 * Of several annotations of a task by one person, the last counts.
 */
export function labelStudioRatings(tasks: readonly LabelStudioTask[], name: string): RatingsFile {
  const questions: Question[] = [];
  const ratings: Rating[] = [];
  for (const { id, data, annotations = [] } of tasks) {
    const item = String(id);
    const options = data?.options?.length ?? 0;
    const truth = data?.true_option;
    if (options < 2 || truth === undefined || !(Number.isInteger(truth) && truth < options))
      throw unreadable(name, id, 'its data lacks `options` and `true_option`');
    questions.push({ item, options, answer: truth < 0 ? options + 1 : truth + 1 });
    const byRater = new Map<string, Rating>();
    for (const { completed_by: by, was_cancelled: cancelled, lead_time: seconds, result } of annotations) {
      const [choice] = result?.[0]?.value?.choices ?? [];
      if (cancelled || choice === undefined) continue;
      const rater = typeof by === 'object' ? (by.email ?? `rater ${by.id}`) : `rater ${by ?? 1}`;
      const value = Number(choice);
      if (!(Number.isInteger(value) && value >= 1 && value <= options + 1))
        throw unreadable(
          name,
          id,
          `the choice ${JSON.stringify(choice)} is not a number from 1 to ${options + 1}`,
        );
      byRater.set(rater, { rater, item, choice: value, ...(seconds !== undefined && { seconds }) });
    }
    ratings.push(...byRater.values());
  }
  return { ratings, questions };
}

const unreadable = (name: string, task: number, why: string) =>
  new ComputeError('bad-data', `Ratings cannot be read from ${name}, task ${task}: ${why}`, {
    hint: 'give the JSON export of a project whose choices are the numbers of the options, and one more for none',
  });
