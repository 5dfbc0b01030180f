import type { Plan, PointState, States } from '../compiler/plan/types.ts';
import { evaluateExpectation } from '../compiler/plan/verdict.ts';
import type { ArtifactRef } from '../store/types.ts';
import { countDecisions, kindOf } from './decisions.ts';
import type { StepRun } from './step-run.ts';
import type { ExpectationVerdict, ExperimentResult, FailedPoint, RunPoint } from './types.ts';

/** Failures listed in the result of a run; the rest is counted, and in the store. */
const MAX_LISTED = 100;

export function experimentResult(plan: Plan, steps: StepRun[], states: States): ExperimentResult {
  const decisions = steps.flatMap((run) =>
    run.decisions.map((decision) => ({ ...decision, step: run.step })),
  );
  const counts = countDecisions(decisions.map(({ state }) => kindOf(state)));
  const sum = (amount: 'seconds' | 'dollars') =>
    decisions.reduce(
      (total, decision) => total + (kindOf(decision.state) === 'computed' ? decision[amount] : 0),
      0,
    );
  return {
    state: counts.failed + counts.blocked > 0 ? 'failed' : 'completed',
    counts: { total: decisions.length, ...counts },
    failures: decisions
      .flatMap(({ step, state }) => (state.status === 'failed' ? [failedPoint(step.id, state)] : []))
      // What to mend comes before what it took along.
      .sort((a, b) => Number(a.error.code === 'blocked') - Number(b.error.code === 'blocked'))
      .slice(0, MAX_LISTED),
    verdicts: verdicts(plan, states),
    reports: decisions.flatMap(({ step, state }) =>
      step.readsRun && state.status === 'accepted'
        ? Object.values(state.outputs)
            .filter(isReport)
            .map((artifact) => ({ step: step.id, point: state.id, artifact }))
        : [],
    ),
    different: decisions.flatMap(({ state, different }) =>
      different ? [{ id: state.id, outputs: different }] : [],
    ),
    seconds: sum('seconds'),
    dollars: sum('dollars'),
  };
}

/** Every decided point, so that results can be found by the run that uses them. */
export function runPoints(steps: StepRun[]): RunPoint[] {
  return steps.flatMap(({ step, states }) =>
    states.map((state) => ({
      step: step.id,
      id: state.id,
      what: kindOf(state),
      key: 'key' in state ? state.key : null,
    })),
  );
}

function failedPoint(
  step: string,
  { id, key, error }: Extract<PointState, { status: 'failed' }>,
): FailedPoint {
  return { step, id, key, error };
}

function verdicts(plan: Plan, states: States): ExpectationVerdict[] {
  return plan.expect.map((expectation) => ({
    name: expectation.name,
    check: expectation.check,
    verdicts: evaluateExpectation(plan, expectation, states),
  }));
}

function isReport(output: unknown): output is ArtifactRef {
  return typeof output === 'object' && output !== null && (output as ArtifactRef).$artifact === 'report';
}

/** One sentence for the web UI and the log. */
export function failureMessage({ counts, failures }: ExperimentResult): string {
  const first = failures[0];
  const blocked = counts.blocked > 0 ? `, ${counts.blocked} blocked` : '';
  return `${counts.failed} of ${counts.total} points failed${blocked}; first ${first?.id}: ${first?.error.message}`;
}
