import { ComputeError } from '../../failure.ts';
import type { RandomStream } from '../../random/stream.ts';
import { bootstrapMany } from '../../stats/bootstrap.ts';
import { cohenKappa } from '../../stats/cohen-kappa.ts';
import { krippendorffAlpha } from '../../stats/krippendorff-alpha.ts';
import { proportion } from '../../stats/proportion.ts';
import type { Estimate } from '../../stats/types.ts';
import type { Question, Rating } from './types.ts';

/** Draws of the right answers for the p-value. */
const SHUFFLES = 10_000;

export interface RaterResult {
  rater: string;
  /** Over the items that all raters answered, as published; and over all that this one did. */
  common: RaterShares | null;
  all: RaterShares;
  medianSeconds: number | null;
}

interface RaterShares {
  accuracy: Estimate;
  none: Estimate;
}

export interface AnnotationResults {
  raters: RaterResult[];
  /** Items with an answer by each rater. */
  common: string[];
  items: number;
  ratings: number;
  /** What guessing evenly among all choices gives. */
  chance: number;
  /** Over all ratings, drawn by item. `p_value`: against right answers dealt anew. */
  accuracy: Estimate;
  accuracy_present?: Estimate;
  none_when_absent?: Estimate;
  none_share: Estimate;
  agreement?: Estimate;
  kappa?: Estimate;
  alpha?: Estimate;
}

/**
 * Accuracy of raters against chance, and their agreement with each other. Items are what is sampled: intervals are by the
 * bootstrap over items (over raters nothing can be said from two or three), Wilson's where it is one rater's share.
 *
 *  - p-value: the right answer of each item is drawn anew as the kit draws it, evenly among the options, with the kit's share
 *    of items in which none is right; how often is accuracy as high? Raters who err alike make that no smaller.
 *  - agreement: share of equal choices among pairs of ratings of an item;
 *  - kappa: Cohen's, averaged over pairs of raters on the items that both answered;
 *  - alpha: Krippendorff's, over all ratings.
 *
 * As published (Marks et al. 2024, appendix G): `common` of each rater, and agreement. The paper gives chance as a quarter; with
 * "none of the above" it is a fifth.
 */
export function measureRatings(
  questions: readonly Question[],
  ratings: readonly Rating[],
  stream: RandomStream,
): AnnotationResults {
  const byItem = new Map(questions.map((question) => [question.item, question]));
  const rated = groupByItem(ratings, byItem);
  const raters = [...new Set(ratings.map(({ rater }) => rater))].sort();
  const items = [...rated.keys()];
  const answers = items.map((item) => (byItem.get(item) as Question).answer);
  const nones = items.map((item) => (byItem.get(item) as Question).options + 1);
  const choices = items.map((item) => rated.get(item) as ReadonlyMap<string, number>);
  const common = items.filter((_, i) => (choices[i] as ReadonlyMap<string, number>).size === raters.length);

  const names = [
    'accuracy',
    'accuracy_present',
    'none_when_absent',
    'none_share',
    'agreement',
    'kappa',
    'alpha',
  ] as const;
  const estimates = bootstrapMany(
    items.length,
    names.length,
    (rows, out) => {
      const share = new Shares();
      const pairs = raters.flatMap((first, i) =>
        raters.slice(i + 1).map((second) => ({ first, second, a: [] as number[], b: [] as number[] })),
      );
      const units: number[][] = [];
      for (const row of rows) {
        const of = choices[row] as ReadonlyMap<string, number>;
        const answer = answers[row] as number;
        const none = nones[row] as number;
        const given = [...of.values()];
        units.push(given);
        for (const choice of given) {
          share.count('accuracy', choice === answer);
          share.count(answer === none ? 'absent' : 'present', choice === answer);
          share.count('none', choice === none);
        }
        for (const pair of pairs) {
          const a = of.get(pair.first);
          const b = of.get(pair.second);
          if (a === undefined || b === undefined) continue;
          pair.a.push(a);
          pair.b.push(b);
          share.count('agreement', a === b);
        }
      }
      const kappas = pairs.filter(({ a }) => a.length > 0).map(({ a, b }) => cohenKappa(a, b));
      out[0] = share.of('accuracy');
      out[1] = share.of('present');
      out[2] = share.of('absent');
      out[3] = share.of('none');
      out[4] = share.of('agreement');
      out[5] = kappas.reduce((sum, kappa) => sum + kappa, 0) / kappas.length;
      out[6] = krippendorffAlpha(units);
    },
    { stream, unit: 'item' },
  );
  const measured = Object.fromEntries(
    names.map((name, k) => [name, estimates[k] as Estimate]).filter(([, e]) => isDefined(e as Estimate)),
  ) as Pick<AnnotationResults, (typeof names)[number]>;
  const chance = items.reduce((sum, _, i) => sum + 1 / (nones[i] as number), 0) / items.length;
  return {
    ...measured,
    accuracy: {
      ...measured.accuracy,
      p_value: randomisationP(measured.accuracy.value, questions, choices, nones, stream),
    },
    raters: raters.map((rater) => raterResult(rater, ratings, byItem, new Set(common))),
    common,
    items: items.length,
    ratings: choices.reduce((sum, of) => sum + of.size, 0),
    chance,
  };
}

const isDefined = ({ value }: Estimate) => Number.isFinite(value);

/** Choices by rater of each item that has any, in the questions' order. */
function groupByItem(
  ratings: readonly Rating[],
  questions: ReadonlyMap<string, Question>,
): Map<string, Map<string, number>> {
  if (ratings.length === 0)
    throw new ComputeError('bad-data', 'There are no ratings in the files given', {
      hint: 'give under `ratings` what raters saved',
    });
  const found = new Map<string, Map<string, number>>();
  for (const { rater, item, choice } of ratings) {
    const question = questions.get(item);
    if (!question || choice > question.options + 1)
      throw new ComputeError(
        'bad-data',
        question
          ? `${rater} chose ${choice} for ${item}, which has ${question.options} options and none of them`
          : `${rater} rated ${item}, which is not in the kit`,
        { hint: 'give the `kit` that the raters had' },
      );
    const of = found.get(item) ?? new Map<string, number>();
    const before = of.get(rater);
    if (before !== undefined && before !== choice)
      throw new ComputeError('bad-data', `${rater} rated ${item} twice, ${before} and ${choice}`, {
        hint: 'give one file a rater under `ratings`, the last saved, and raters names that differ',
      });
    found.set(item, of.set(rater, choice));
  }
  return new Map(
    [...questions.keys()].filter((item) => found.has(item)).map((item) => [item, found.get(item)!]),
  );
}

/** How often choices are right when the right answers are dealt anew: (1 + as good) / (1 + draws). */
function randomisationP(
  accuracy: number,
  questions: readonly Question[],
  choices: readonly ReadonlyMap<string, number>[],
  nones: readonly number[],
  stream: RandomStream,
): number {
  const absent = questions.filter(({ options, answer }) => answer === options + 1).length / questions.length;
  const given = choices.map((of) => [...of.values()]);
  const total = given.reduce((sum, of) => sum + of.length, 0);
  let asGood = 0;
  for (let draw = 0; draw < SHUFFLES; draw++) {
    let right = 0;
    for (let i = 0; i < given.length; i++) {
      const none = nones[i] as number;
      const answer = stream.uniform() < absent ? none : 1 + stream.integer(none - 1);
      for (const choice of given[i] as number[]) if (choice === answer) right++;
    }
    if (right / total >= accuracy - 1e-12) asGood++;
  }
  return (1 + asGood) / (1 + SHUFFLES);
}

function raterResult(
  rater: string,
  ratings: readonly Rating[],
  questions: ReadonlyMap<string, Question>,
  common: ReadonlySet<string>,
): RaterResult {
  const own = [...new Map(ratings.filter((r) => r.rater === rater).map((r) => [r.item, r])).values()];
  const shares = (of: readonly Rating[]): RaterShares => {
    const right = of.filter(({ item, choice }) => choice === questions.get(item)?.answer).length;
    const none = of.filter(
      ({ item, choice }) => choice === (questions.get(item) as Question).options + 1,
    ).length;
    return { accuracy: proportion(right, of.length, 'item'), none: proportion(none, of.length, 'item') };
  };
  const shared = own.filter(({ item }) => common.has(item));
  const seconds = own
    .flatMap((rating) => (rating.seconds === undefined ? [] : [rating.seconds]))
    .sort((a, b) => a - b);
  return {
    rater,
    common: shared.length > 0 ? shares(shared) : null,
    all: shares(own),
    medianSeconds: seconds[Math.floor(seconds.length / 2)] ?? null,
  };
}

/** Counts of yes among yes and no, by name. */
class Shares {
  private readonly counts = new Map<string, { yes: number; all: number }>();

  count(name: string, yes: boolean): void {
    const counted = this.counts.get(name) ?? { yes: 0, all: 0 };
    counted.all++;
    if (yes) counted.yes++;
    this.counts.set(name, counted);
  }

  of(name: string): number {
    const { yes, all } = this.counts.get(name) ?? { yes: 0, all: 0 };
    return yes / all;
  }
}
