import { type RungPruner, successiveHalving } from './successive-halving.ts';

/**
 * Hyperband (Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 2018, algorithm 1) with
 * asynchronous brackets, as BOHB and Optuna run it: brackets 0 .. s_max, s_max = floor(log_factor(max / min)), of which bracket b
 * is successive halving that leaves out the first b rungs. A trial belongs to one bracket by its number, and brackets get trials
 * in the proportion of the paper's, ceil((s_max + 1) * factor^s / (s + 1)) with s = s_max - b; those of one bracket are
 * spread evenly over the numbers (multiples of the golden ratio), so that all fill up together.
 */
export interface HyperbandOptions {
  /** The step of the first rung. Default 1. */
  min?: number;
  /** The step at which a trial is complete. */
  max: number;
  /** One in so many goes on. Default 3. */
  factor?: number;
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

export function hyperband({ min = 1, max, factor = 3 }: HyperbandOptions): RungPruner {
  if (!(max >= min)) throw new RangeError(`hyperband: max is at least min, ${min}, not ${max}`);
  // The tiny share is against 2.9999 for a logarithm that is whole.
  const deepest = Math.floor(Math.log(max / min) / Math.log(factor) + 1e-9);
  const brackets = Array.from({ length: deepest + 1 }, (_, b) => {
    const s = deepest - b;
    const halving = successiveHalving({ min, factor, skip: b });
    return { halving, share: Math.ceil(((deepest + 1) * factor ** s) / (s + 1)) };
  });
  const total = brackets.reduce((sum, { share }) => sum + share, 0);

  const bracketOf = (number: number): number => {
    let left = ((number * GOLDEN) % 1) * total;
    for (const [b, { share }] of brackets.entries()) {
      left -= share;
      if (left < 0) return b;
    }
    return deepest;
  };
  const halvingOf = (number: number) => (brackets[bracketOf(number)] as (typeof brackets)[number]).halving;

  return {
    rungs: (number, longest) => halvingOf(number).rungs(number, longest),
    decide(trial, trials, direction) {
      const bracket = bracketOf(trial.number);
      const beside = trials.filter((other) => bracketOf(other.number) === bracket);
      return halvingOf(trial.number).decide(trial, beside, direction);
    },
  };
}
