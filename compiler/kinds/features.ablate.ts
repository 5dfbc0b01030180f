import { feedbackDollars } from '../feedback-cost.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.ablate',
  version: 1,
  title: 'Remove features and measure the reward',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'table',
  outputs: { table: { type: 'artifact', artifact: 'table' } },
  metrics: {
    reward_intact: 'Mean reward of completions, nothing changed.',
    reward_ablated: 'Mean reward with the related features removed (dose 1).',
    effect: 'reward_ablated − reward_intact, paired by prompt.',
    effect_random: 'The same for random features of matched mean activation, averaged over the draws.',
    effect_over_random:
      'effect − effect_random, paired by prompt: what removing *these* features does beyond removing as much of anything.',
    effect_reconstruct:
      'Reward change when activations are replaced by their reconstruction, no feature removed.',
    effect_base: 'Reward change when the same features are removed from the model before tuning.',
    features_removed: 'How many features were removed.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const doses = Array.isArray(params.doses) ? params.doses.length : 1;
    const conditions = 3 + doses + Number(params['random-draws'] ?? 3);
    const prompts = Number(params.count ?? 192);
    return {
      steps: conditions * prompts,
      seconds: 3 + conditions * prompts * 0.008,
      memoryBytes: 1.5e9,
      dollars: feedbackDollars(params.reward, conditions * prompts),
    };
  },
};
