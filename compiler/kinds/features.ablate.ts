import { feedbackCost } from '../feedback-cost.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.ablate',
  version: 2,
  title: 'Remove features and measure the reward',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'table',
  outputs: { table: { type: 'artifact', artifact: 'table' } },
  metrics: {
    reward_intact: 'Mean reward of completions, nothing changed.',
    reward_ablated: 'Mean reward with the related features removed (dose 1).',
    effect: 'reward_ablated − reward_intact, paired by prompt.',
    effect_matched:
      'The same for as many other features of like density and mean activation, averaged over draws; interval over prompts and draws.',
    effect_over_matched:
      'effect − effect_matched: what removing *these* features does beyond removing as much of anything.',
    effect_random: 'The same for as many features drawn evenly from those that are alive.',
    effect_over_random: 'effect − effect_random.',
    effect_reconstruct:
      'Reward change when activations are replaced by their reconstruction, no feature removed.',
    effect_base: 'Reward change when the same features are removed from the model before tuning.',
    effect_over_base: 'effect − effect_base, paired by prompt: what the tuning added to their effect.',
    loss_change:
      'Change of the loss on what people wrote, in nats a token, with the related features removed: the side effect.',
    loss_change_matched: 'The same for features of like density and mean activation.',
    loss_change_random: 'The same for features drawn evenly.',
    length_change: 'Change of the tokens of a completion with the related features removed.',
    features_removed: 'How many features were removed.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const doses = Array.isArray(params.doses) ? params.doses.length : 3;
    const controls = 1 + doses + 2 * Number(params['random-draws'] ?? 5);
    const conditions = 1 + (params.protocol === 'faithful' ? 1 : controls) + (params.base ? 2 : 0);
    const prompts = Number(params.count ?? 1000);
    return {
      steps: conditions * prompts,
      seconds: 3 + conditions * prompts * 0.008,
      memoryBytes: 1.5e9,
      ...feedbackCost(params.reward, conditions * prompts),
    };
  },
};
