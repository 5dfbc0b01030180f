import { workflowInfo } from '@temporalio/workflow';

/** Temporal advises at most 500 pending activities or children; the server refuses more than 2,000. */
export const MAX_IN_FLIGHT = 500;

/**
 * Points of a sweep that may share a process: each step then takes so many times longer, and so does the loss when it is
 * killed.
 */
export const MAX_TOGETHER = 16;

/** Steps that run at the same time in one experiment, each with at least one pending command. */
export const MAX_RUNNING_STEPS = 200;

/**
 * A run hands over to a fresh one before its history gets longer. Far under Temporal's 51,200; the reason is that the time
 * of a replay grows with the workflow tasks: 3,000 events are at most 1,000 of them, commonly 500, some 3 s.
 */
export const MAX_EVENTS = 3000;

/** Events of a point until it is decided: scheduled, started, completed, and the workflow task that it wakes. */
export const EVENTS_PER_ACTIVITY = 6;

/** A child: initiated, started, completed, and a workflow task after each of the last two. */
export const EVENTS_PER_CHILD = 9;

/** Whether a run with so many events still to come must not take on more. */
export function historyIsFull(eventsToCome: number): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength + eventsToCome > MAX_EVENTS;
}
