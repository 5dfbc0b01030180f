import type { Metric } from '../store/types.ts';
import type { ReportPoint, ReportRun } from './run.ts';

/**
 * One thing that a run can find, as a difference to its control. It is established when its interval leaves out 0 and, where
 * there is a p (adjusted for how many were asked), that is small enough too.
 */
export interface Claim {
  kind: string;
  metric: string;
  /** What the difference is, as the subject of a sentence. */
  subject: string;
  /** Every point that measured it. */
  measured: { point: ReportPoint; metric: Metric; established: boolean }[];
}

const CLAIMS: readonly Omit<Claim, 'measured'>[] = [
  { kind: 'model.evaluate', metric: 'reward_gain', subject: 'The reward after tuning minus before' },
  {
    kind: 'probe.evaluate',
    metric: 'lfp_gap',
    subject: 'What probes read of the feedback (τ), tuned minus before tuning',
  },
  {
    kind: 'probe.recovery',
    metric: 'auc_gap',
    subject: 'Rewarded words told from others (AUC), tuned minus before',
  },
  {
    kind: 'features.score',
    metric: 'detection_gap',
    subject: 'What descriptions tell of where features are active, minus what others’ do',
  },
  {
    kind: 'features.classify',
    metric: 'related_share_gap',
    subject: 'The share of features about the task, tuned minus before tuning',
  },
  {
    kind: 'features.ablate',
    metric: 'effect_over_matched',
    subject: 'The reward without the related features, minus without others of like density',
  },
  {
    kind: 'features.steer',
    metric: 'slope_over_random',
    subject: 'The rise of the reward along the rewarded direction, minus along random ones',
  },
];

/** What the run measured of these, in the order of the argument. */
export function claimsOf(run: ReportRun): Claim[] {
  return CLAIMS.flatMap((claim) => {
    const measured = run.accepted(claim.kind).flatMap((point) => {
      const metric = run.metric(point, claim.metric);
      return metric ? [{ point, metric, established: isEstablished(metric) }] : [];
    });
    return measured.length > 0 ? [{ ...claim, measured }] : [];
  });
}

function isEstablished({ ci_low: low, ci_high: high, level = 0.95, p_value: p = 0 }: Metric): boolean {
  return low !== undefined && high !== undefined && (low > 0 || high < 0) && p <= 1 - level + 1e-9;
}
