import { setHandler } from '@temporalio/workflow';
import type { Interpreter } from './interpreter.ts';
import { MAX_IN_FLIGHT } from './limits.ts';
import {
  cancelPointUpdate,
  pauseUpdate,
  resumeUpdate,
  retryPointUpdate,
  setParallelismUpdate,
} from './messages.ts';
import type { StepRun } from './step-run.ts';

/** What an operator can do to a run. A validator's error is the reason that the operator reads. */
export function listenToOperator(interpreter: Interpreter): void {
  setHandler(
    pauseUpdate,
    async () => {
      await interpreter.control({ do: 'pause' });
      return 'Paused. Points that checkpoint stop there, others begin again; `plumb resume` goes on.';
    },
    {
      description: 'Interrupt the running points at a checkpoint and start nothing new.',
      validator: () => refuseIf(interpreter.isPaused, 'It is paused already.'),
    },
  );

  setHandler(
    resumeUpdate,
    async () => {
      await interpreter.control({ do: 'resume' });
      return 'Going on.';
    },
    {
      description: 'Go on after a pause.',
      validator: () => refuseIf(!interpreter.isPaused, 'It is not paused.'),
    },
  );

  setHandler(
    setParallelismUpdate,
    async (value) => {
      await interpreter.control({ do: 'parallelism', value });
      return `At most ${value} points of a step are in flight from now on.`;
    },
    {
      description: 'Most points of one step in flight at once.',
      validator: (value) =>
        refuseIf(
          !Number.isInteger(value) || value < 1 || value > MAX_IN_FLIGHT,
          `Give a whole number from 1 to ${MAX_IN_FLIGHT}.`,
        ),
    },
  );

  setHandler(
    cancelPointUpdate,
    async (point) => {
      await interpreter.control({ do: 'cancel', point });
      return `${point} is cancelled; what needs it is blocked.`;
    },
    {
      description: 'End one point as a failure; what needs it is blocked.',
      validator: (point) => {
        const state = stepOf(interpreter, point).state(point);
        if (state === undefined || typeof state === 'string') return;
        throw new Error(`${point} has been decided: ${state.status}.`);
      },
    },
  );

  setHandler(
    retryPointUpdate,
    async (point) => {
      const run = stepOf(interpreter, point);
      await interpreter.control({ do: 'retry', point });
      if (run.state(point) === 'in-sweep') return `${point} runs again if it has failed.`;
      interpreter.reopen(interpreter.withDependants(run.step.id));
      return `${point} runs again, and then what it had blocked.`;
    },
    {
      description: 'Run one failed point again, and then what it had blocked.',
      validator: (point) => refuseRetry(interpreter, point),
    },
  );
}

function refuseRetry(interpreter: Interpreter, point: string): void {
  const run = stepOf(interpreter, point);
  const state = run.state(point);
  if (state === 'in-sweep') return;
  if (state === undefined) throw new Error(`There is no point ${point}, or not yet.`);
  if (typeof state === 'string') throw new Error(`${point} is ${state}.`);
  if (state.status !== 'failed') throw new Error(`${point} has not failed: ${state.status}.`);
  if (state.error.code === 'blocked') throw new Error(`${point} is blocked: retry the point that failed.`);
  const busy = interpreter.withDependants(run.step.id).find(({ status }) => status === 'running');
  refuseIf(busy !== undefined, `${busy?.step.id}, which needs it, is running: retry when the run has ended.`);
}

/** Ids are `step` or `step[...]`. */
function stepOf(interpreter: Interpreter, point: string): StepRun {
  const run = interpreter.steps.get(point.split('[')[0]!);
  if (run) return run;
  throw new Error(
    `No step is called ${point.split('[')[0]}; the steps are ${[...interpreter.steps.keys()].join(', ')}.`,
  );
}

function refuseIf(wrong: boolean, reason: string): void {
  if (wrong) throw new Error(reason);
}
