/** Metrics of the kinds that tune on a policy's own completions. */
export const ON_POLICY_METRICS = {
  reward_start: 'Mean reward of the completions sampled in the first tenth of the steps, on tuning prompts.',
  reward_end: 'The same in the last tenth of the steps.',
  kl_end:
    'Mean KL to the model at the start, in nats a completion (sum of log-ratios of sampled tokens), in the last tenth.',
  entropy_end:
    'Mean entropy of the next-token distribution at the sampled positions, in nats, in the last tenth.',
  length_end: 'Mean tokens of a completion, with its end-of-text token, in the last tenth.',
  alarms: 'Signs that tuning went wrong, each counted when it began: see the output of that name.',
};
