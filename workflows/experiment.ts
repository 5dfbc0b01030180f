import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { BEST_METRIC } from './attributes.ts';
import { guarded } from './guard.ts';
import { type ExperimentPosition, Interpreter } from './interpreter.ts';
import { planQuery, progressQuery, stepProgressSignal } from './messages.ts';
import { listenToOperator } from './operator.ts';
import { experimentResult, failureMessage, runPoints } from './result.ts';
import type { ExperimentInput, ExperimentResult, RunEnd } from './types.ts';

/** On the queue of the workflows: the worker that runs these has it. */
const { recordRunEnd } = proxyActivities<{ recordRunEnd(end: RunEnd): Promise<void> }>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 5 },
  summary: 'record how the run ended',
});

/**
 * A whole run of an experiment: follows the compiled plan, which is data in this workflow's history, so that an edit of
 * the spec never touches what runs.
 * @throws a failure of type `points-failed`, its first detail the ExperimentResult, when any point failed
 */
export async function experiment(
  input: ExperimentInput,
  position?: ExperimentPosition,
): Promise<ExperimentResult> {
  return await guarded(async () => {
    const interpreter = new Interpreter(input, position);
    setHandler(planQuery, () => input.plan, { description: 'The compiled plan that this run follows.' });
    setHandler(progressQuery, () => interpreter.progress, {
      description: 'Counts, running points and latest decisions of every step.',
    });
    setHandler(stepProgressSignal, (progress) => interpreter.report(progress));
    listenToOperator(interpreter);

    try {
      do {
        await interpreter.run();
        // A handler may reopen a step at the last moment.
        await condition(allHandlersFinished);
        if (!interpreter.finished && interpreter.full) {
          await continueAsNew<typeof experiment>(input, interpreter.position);
        }
      } while (!interpreter.finished);
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      const state = isCancellation(error) ? 'cancelled' : 'failed';
      const points = runPoints(interpreter.runs);
      await CancellationScope.nonCancellable(() => record({ state, points }));
      throw error;
    }

    const result = experimentResult(input.plan, interpreter.runs, interpreter.states);
    if (input.searchAttributes) announce(result);
    await record({ state: result.state, points: runPoints(interpreter.runs), result });
    if (result.state === 'completed') return result;
    throw ApplicationFailure.create({
      type: 'points-failed',
      nonRetryable: true,
      message: failureMessage(result),
      details: [result],
    });
  });
}

/** The run is over whether or not this can be written down. */
async function record(end: RunEnd): Promise<void> {
  try {
    await recordRunEnd(end);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the end of the run could not be recorded', { error });
  }
}

function announce({ verdicts }: ExperimentResult): void {
  const values = Object.values(verdicts[0]?.verdicts[0]?.values ?? {});
  // A metric as a whole stands for its value.
  const numbers = values.map((value) => (value as { value?: unknown } | null)?.value ?? value);
  const headline = numbers.find((value) => typeof value === 'number');
  if (typeof headline === 'number') upsertSearchAttributes([{ key: BEST_METRIC, value: headline }]);
}
