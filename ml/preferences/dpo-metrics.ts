/** What is recorded of each step, and what it means. All are of the step's pairs, before its update. */
export const DPO_METRICS = {
  loss: 'Loss of preferences, mean over the pairs.',
  reward_chosen:
    'Mean of beta (log p - log q) of the chosen completions: the reward that the policy implies.',
  reward_rejected: 'The same of the rejected completions.',
  margin: 'Mean difference of the two rewards.',
  accuracy: 'Share of pairs whose chosen completion has the higher reward.',
  log_prob_chosen: 'Mean log-probability of a chosen completion under the policy, in nats.',
  log_prob_rejected: 'The same of a rejected completion.',
  largest_log_ratio: 'Largest |log p - log q| of any completion of the step, in nats.',
  gradient_norm: 'Norm of the gradient before it is clipped.',
  learning_rate: 'Learning rate of this step.',
} as const;

export type DpoMetrics = Record<keyof typeof DPO_METRICS, number>;
