import type { States } from '../compiler/plan/types.ts';
import { evaluateExpectation } from '../compiler/plan/verdict.ts';
import type { Json } from '../store/types.ts';
import { formatNumber } from './format.ts';
import type { ReportPoint, ReportRun } from './run.ts';

/** What became of one expectation of the spec, over all seeds. */
export interface Verdict {
  name: string;
  check: string;
  outcome: 'holds' | 'fails' | 'unknown';
  /** The numbers that decided it, or why it could not be decided. */
  explanation: string;
  /** The points of the steps that it is about. */
  from: ReportPoint[];
}

const shown = (value: Json) => (typeof value === 'number' ? formatNumber(value) : JSON.stringify(value));

/** An expectation holds when it holds for every seed; a seed that cannot be decided leaves it undecided unless another fails. */
export function verdicts(run: ReportRun, states: States): Verdict[] {
  const { plan } = run;
  return plan.expect.map((expectation) => {
    const perSeed = evaluateExpectation(plan, expectation, states);
    const held = perSeed.map((verdict) => verdict.held);
    const outcome = held.includes(false)
      ? 'fails'
      : held.includes(null) || held.length === 0
        ? 'unknown'
        : 'holds';
    const explanation = perSeed
      .map((verdict) => {
        const values = Object.entries(verdict.values).map(
          ([reference, value]) =>
            `${reference.replace(/^steps\./, '').replace('.metrics.', '.')} = ${shown(value)}`,
        );
        const seed = perSeed.length > 1 && verdict.seed !== null ? `seed ${verdict.seed}: ` : '';
        return `${seed}${verdict.held === null ? (verdict.why ?? 'not decided') : values.join(', ')}`;
      })
      .join('; ');
    const from = run.points.filter(({ step }) => expectation.needs.includes(step));
    return { name: expectation.name, check: expectation.check, outcome, explanation, from };
  });
}
