import { getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import { decidedCount } from './decisions.ts';
import { stepProgressSignal } from './messages.ts';
import type { StepProgress } from './types.ts';

const REPORTS = 20;
const REPORT_INTERVAL_MS = 5_000;

/**
 * Tells the experiment how far one of its steps is, for the table in its details. Every message costs both histories some
 * events, so there are at most some twenty a step; those who want to know more ask the step's own workflow.
 */
export class Reporter {
  private reportedAt = 0;
  private reported = 0;

  /** @param total points of the step, at most */
  constructor(private readonly total: number) {}

  report(progress: StepProgress): void {
    const { parent } = workflowInfo();
    const decided = decidedCount(progress.counts);
    const due = decided - this.reported >= this.total / REPORTS;
    if (!parent || !due || decided === progress.total || Date.now() - this.reportedAt < REPORT_INTERVAL_MS)
      return;
    this.reported = decided;
    this.reportedAt = Date.now();
    getExternalWorkflowHandle(parent.workflowId)
      .signal(stepProgressSignal, { ...progress, recent: progress.recent.slice(-3) })
      // The experiment may have just been closed from outside; then this workflow is about to be, too.
      .catch(() => undefined);
  }
}
