import { feedbackCost } from '../feedback-cost.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.steer',
  version: 1,
  title: 'Steer the model along the rewarded direction',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'table',
  outputs: { table: { type: 'artifact', artifact: 'table' } },
  metrics: {
    reward_intact: 'Mean reward of completions, nothing added.',
    reward_steered: 'Mean reward at the largest dose.',
    effect: 'reward_steered − reward_intact, paired by prompt.',
    effect_random:
      'The same for random directions of the same norm, averaged over draws; interval over prompts and draws.',
    effect_over_random: 'effect − effect_random.',
    slope:
      'Rise of the reward a unit of dose, over all doses and the intact model: what the direction does by its sense, not by disturbing.',
    slope_random: 'The same for random directions of the same norm.',
    slope_over_random: 'slope − slope_random.',
    slope_matched:
      'The same for the directions of other features of like density and mean activation, with the same weights.',
    slope_over_matched: 'slope − slope_matched.',
    slope_base: 'The same in the model before tuning.',
    slope_over_base: 'slope − slope_base, paired by prompt.',
    loss_change:
      'Change of the loss on what people wrote, in nats a token, at the largest dose: the side effect; exp of it is the factor on perplexity.',
    loss_change_random: 'The same for random directions of the same norm.',
    length_change: 'Change of the tokens of a completion at the largest dose.',
    distinct2_intact: 'Different pairs of words over all pairs of words, nothing added.',
    distinct2_steered: 'The same at the largest dose.',
    features_steered: 'Features that the direction is made of; with `direction: features`.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const doses = Array.isArray(params.doses) ? params.doses.length : 4;
    const controls = Number(params['random-draws'] ?? 5) * (params.direction === 'features' ? 2 : 1);
    const conditions = 1 + doses * (1 + controls) + (params.base ? 1 + doses : 0);
    const prompts = Number(params.count ?? 200);
    return {
      steps: conditions * prompts,
      seconds: 3 + conditions * prompts * 0.008,
      memoryBytes: 1.5e9,
      ...feedbackCost(params.reward, conditions * prompts),
    };
  },
};
