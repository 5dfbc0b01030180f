import type { Info } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, type MetricMeter } from '@temporalio/common';
import type { PointOutcome } from '../activities/types.ts';

/** Bounds of the histograms, for the exporter. Seconds span from no wait at all to a night's queue. */
export const HISTOGRAM_BOUNDS: Record<string, number[]> = {
  plumbline_queue_wait_seconds: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200],
  plumbline_checkpoint_seconds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  plumbline_labelling_dollars: [0.01, 0.1, 1, 5, 10, 50, 100, 500],
};

/** Failures with which a worker gives a point back: nothing is wrong with the point. */
const HANDED_BACK = new Set(['worker-busy', 'worker-shutdown', 'superseded']);

type Outcome = 'computed' | 'cached' | 'segment' | 'handed-back' | 'cancelled' | 'retrying' | 'failed';

/**
 * What a worker counts of its points, beside what the SDK counts of itself (`temporal_...`). All are exported from the start,
 * zeros included: an autoscaler must be able to tell an idle worker from a missing one.
 */
export class PointMetrics {
  private running = 0;
  private readonly runningGauge;
  private readonly points;
  private readonly failures;
  private readonly retries;
  private readonly queueWait;
  private readonly checkpoints;
  private readonly dollars;

  constructor(meter: MetricMeter, queues: string[]) {
    this.runningGauge = meter.createGauge(
      'plumbline_points_running',
      'int',
      '',
      'Points that this worker has.',
    );
    this.points = meter.createCounter(
      'plumbline_points',
      '',
      'Attempts at points that ended here, by outcome: computed, cached, segment, handed-back, cancelled, retrying, failed.',
    );
    this.failures = meter.createCounter('plumbline_failures', '', 'Attempts that failed, by code.');
    this.retries = meter.createCounter('plumbline_retries', '', 'Attempts that were not the first.');
    this.queueWait = meter.createHistogram(
      'plumbline_queue_wait_seconds',
      'float',
      's',
      'From scheduling an attempt to its begin on this worker.',
    );
    this.checkpoints = meter.createHistogram(
      'plumbline_checkpoint_seconds',
      'float',
      's',
      'Writing a checkpoint and storing it.',
    );
    this.dollars = meter.createHistogram(
      'plumbline_labelling_dollars',
      'float',
      'USD',
      'What language models cost a computed point; its sum is the spend.',
    );
    this.runningGauge.set(0);
    this.retries.add(0);
    for (const queue of queues)
      for (const outcome of ['computed', 'failed']) this.points.add(0, { queue, outcome });
  }

  /** An attempt begins. @returns is called with how it ended */
  begin(kind: string, info: BeginInfo): (end: { outcome: PointOutcome } | { error: unknown }) => void {
    const queue = info.taskQueue;
    this.runningGauge.set(++this.running);
    if (info.attempt > 1) this.retries.add(1, { kind, queue });
    // By two clocks, which need not agree.
    const wait = Math.max(0, (Date.now() - info.currentAttemptScheduledTimestampMs) / 1000);
    this.queueWait.record(wait, { queue });
    return (end) => {
      this.runningGauge.set(--this.running);
      const outcome = 'outcome' in end ? outcomeOf(end.outcome) : endOf(end.error, info);
      this.points.add(1, { kind, queue, outcome });
      if ('error' in end && (outcome === 'failed' || outcome === 'retrying')) {
        this.failures.add(1, { kind, queue, code: codeOf(end.error) });
      }
      if (outcome === 'computed' && 'outcome' in end && end.outcome.status === 'accepted') {
        const { dollars } = end.outcome;
        if (dollars > 0) this.dollars.record(dollars, { kind });
      }
    };
  }

  checkpoint(kind: string, seconds: number): void {
    this.checkpoints.record(seconds, { kind });
  }
}

type BeginInfo = Pick<Info, 'taskQueue' | 'attempt' | 'currentAttemptScheduledTimestampMs' | 'retryPolicy'>;

function outcomeOf(outcome: PointOutcome): Outcome {
  if (outcome.status === 'suspended') return 'segment';
  return outcome.cached ? 'cached' : 'computed';
}

function endOf(error: unknown, { attempt, retryPolicy }: BeginInfo): Outcome {
  if (error instanceof CancelledFailure) return 'cancelled';
  if (error instanceof ApplicationFailure && HANDED_BACK.has(error.type ?? '')) return 'handed-back';
  const last = attempt >= (retryPolicy?.maximumAttempts || Number.POSITIVE_INFINITY);
  return last || (error instanceof ApplicationFailure && error.nonRetryable) ? 'failed' : 'retrying';
}

function codeOf(error: unknown): string {
  return (error instanceof ApplicationFailure && error.type) || 'internal';
}
