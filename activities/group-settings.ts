import type { AlarmHints } from '../ml/rlhf/alarms.ts';
import { GROUP_DEFAULTS, type GroupSettings } from '../ml/rlhf/group-settings.ts';
import type { GroupMetrics } from '../ml/rlhf/group-trainer.ts';
import type { RlhfRlooParameters } from '../schemas/generated/parameters.ts';
import { defaultLearningRate } from './trainable.ts';

/** What is shown of a running step of any kind that compares completions of one prompt. */
export const GROUP_SHOWN: readonly (keyof GroupMetrics)[] = [
  'reward',
  'kl',
  'entropy',
  'length',
  'equal_groups',
  'clip_fraction',
];

export const GROUP_HINTS: AlarmHints = {
  'kl-runaway': 'raise `beta`, or lower `learning-rate`',
  collapse: 'lower `learning-rate`, raise `beta`, or raise `clip-range-high` alone',
  'length-blow-up': 'give `reward` a `length-penalty`, or lower `completion-tokens`',
};

/** The settings that all kinds have which compare completions of one prompt. */
export function groupSettings(
  params: Omit<RlhfRlooParameters, 'model' | 'prompts' | 'reward' | 'alarms'>,
): GroupSettings {
  return {
    batch: params.batch,
    group: params.group,
    miniBatch: params['mini-batch'],
    epochs: params.epochs,
    learningRate: params['learning-rate'] ?? defaultLearningRate(params, GROUP_DEFAULTS.learningRate),
    warmUp: params['warm-up'],
    schedule: params.schedule,
    weightDecay: params['weight-decay'],
    maxGradientNorm: params['max-gradient-norm'],
    beta: params.beta,
    clipRange: params['clip-range'],
    clipRangeHigh: params['clip-range-high'] ?? params['clip-range'],
    promptTokens: params['prompt-tokens'] as [number, number],
    completionTokens: params['completion-tokens'] as [number, number],
    minimumCharacters: params['minimum-characters'],
  };
}
