import type { RandomStream } from '../random/stream.ts';
import { bootstrapMany } from '../stats/bootstrap.ts';
import { cohenKappa } from '../stats/cohen-kappa.ts';
import { fleissKappa } from '../stats/fleiss-kappa.ts';
import type { Estimate } from '../stats/types.ts';
import type { Relation } from './types.ts';

type Answer = Extract<Relation, { status: 'labelled' }>['answer'];

export interface Agreement {
  /** Share of equal answers among pairs of raters. */
  agreement: Estimate;
  /** Cohen's kappa, the mean over pairs of raters. */
  cohen: Estimate;
  /** Fleiss' kappa, over all raters at once. */
  fleiss: Estimate;
}

/**
 * How far raters agree on which features are about the task: over features that all of them answered, `unsure` being an
 * answer. Intervals by the bootstrap over features. Undefined where no feature was answered by all.
 *
 * @param ratings of each feature, one a rater
 */
export function measureAgreement(
  ratings: readonly (readonly Relation[])[],
  stream: RandomStream,
): Agreement | undefined {
  const answered = ratings.flatMap((of): Answer[][] => {
    const answers = of.flatMap((relation) => (relation.status === 'labelled' ? relation.answer : []));
    return answers.length === of.length && answers.length > 1 ? [answers] : [];
  });
  const raters = answered[0]?.length ?? 0;
  if (raters < 2) return undefined;
  const pairs = Array.from({ length: raters }, (_, a) =>
    Array.from({ length: raters - a - 1 }, (_, b) => [a, a + 1 + b] as const),
  ).flat();
  const [agreement, cohen, fleiss] = bootstrapMany(
    answered.length,
    3,
    (rows, out) => {
      const drawn = Array.from(rows, (row) => answered[row] as Answer[]);
      let equal = 0;
      let kappa = 0;
      for (const [a, b] of pairs) {
        const first = drawn.map((answers) => answers[a] as Answer);
        const second = drawn.map((answers) => answers[b] as Answer);
        equal += first.filter((answer, i) => answer === second[i]).length;
        kappa += cohenKappa(first, second) / pairs.length;
      }
      out.set([equal / (drawn.length * pairs.length), kappa, fleissKappa(drawn)]);
    },
    { stream, unit: 'feature' },
  ) as [Estimate, Estimate, Estimate];
  return { agreement, cohen, fleiss };
}

/** What more than half of the raters who answered say; `unsure` where there is no such majority. */
export function majority(ratings: readonly Relation[]): Relation {
  const answered = ratings.flatMap((relation) => (relation.status === 'labelled' ? [relation] : []));
  const [first] = ratings;
  if (!first) throw new RangeError('majority: no ratings');
  if (answered.length === 0 || ratings.length === 1) return first;
  for (const answer of ['related', 'unrelated', 'unsure'] as const) {
    const agreeing = answered.filter((relation) => relation.answer === answer);
    if (2 * agreeing.length > answered.length)
      return {
        status: 'labelled',
        answer,
        reason: `${agreeing.length} of ${answered.length} raters: ${agreeing[0]?.reason}`,
      };
  }
  return { status: 'labelled', answer: 'unsure', reason: 'the raters disagree' };
}
