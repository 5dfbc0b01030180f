import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  type ChildWorkflowHandle,
  ParentClosePolicy,
  sleep,
  startChild,
  type Workflow,
  workflowInfo,
} from '@temporalio/workflow';
import { clip } from './execution.ts';

const TRIES = 60;

/**
 * Starts a child under an id that only this run uses. After a run was terminated from outside, its children are still
 * saving what they have while a new run already begins: wait for them.
 */
export async function startOwnChild<T extends Workflow>(
  type: string,
  workflowId: string,
  summary: string,
  args: Parameters<T>,
): Promise<ChildWorkflowHandle<T>> {
  for (let tries = 1; ; tries++) {
    try {
      return await startChild<Workflow>(type, {
        workflowId,
        args,
        taskQueue: workflowInfo().taskQueue,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        staticSummary: clip(summary),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || tries === TRIES) throw error;
      await sleep(2_000);
    }
  }
}
