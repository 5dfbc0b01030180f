import type { ActivityBody } from '../../compute/types.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { AlarmHints } from '../../ml/rlhf/alarms.ts';
import { PpoTrainer } from '../../ml/rlhf/ppo.ts';
import { PPO_METRICS, type PpoMetrics } from '../../ml/rlhf/ppo-metrics.ts';
import { PPO_DEFAULTS, type PpoSettings } from '../../ml/rlhf/ppo-settings.ts';
import type { RlhfPpoParameters } from '../../schemas/generated/parameters.ts';
import { tuneOnPolicy } from '../on-policy.ts';
import { defaultLearningRate } from '../trainable.ts';

const SHOWN = ['reward', 'kl', 'kl_coefficient', 'entropy', 'length', 'value_loss', 'clip_fraction'] as const;

const HINTS: AlarmHints = {
  'kl-runaway': 'raise `kl.initial`, lower `kl.horizon` or `kl.target`, or lower `learning-rate`',
  collapse: 'lower `learning-rate`, raise `kl.initial`, or set `entropy-bonus`',
  'length-blow-up': 'give `reward` a `length-penalty`, or lower `completion-tokens`',
  'value-divergence': 'lower `learning-rate` or `value-coefficient`, or set `scale-rewards: normalise`',
};

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RlhfPpoParameters;
  const separate = params['value-model'] === 'separate';
  const valueModel = separate ? await loadModel(params.model.directory) : undefined;
  const { result, history } = await tuneOnPolicy<PpoSettings, PpoMetrics>(job, params, {
    title: 'PPO',
    settings: settingsOf(params),
    definitions: PPO_METRICS,
    shown: SHOWN,
    hints: HINTS,
    trainer: (parts) => new PpoTrainer({ ...parts, ...(valueModel && { valueModel }) }),
  });
  valueModel?.dispose();
  const klCoefficient = { value: history.at(-1)?.kl_coefficient ?? 0 };
  return { ...result, metrics: { ...result.metrics, kl_coefficient: klCoefficient } };
};

/** The protocol's settings with what the step says in their place. */
export function settingsOf(params: RlhfPpoParameters): PpoSettings {
  const defaults = PPO_DEFAULTS[params.protocol];
  const { penalty, controller, target } = params.kl;
  const initial = params.kl.initial ?? defaults.klControl.initial;
  const horizon = params.kl.horizon ?? defaults.klControl.horizon;
  return {
    ...defaults,
    batch: params.batch,
    miniBatch: params['mini-batch'],
    epochs: params.epochs ?? defaults.epochs,
    learningRate: params['learning-rate'] ?? defaultLearningRate(params, defaults.learningRate),
    warmUp: params['warm-up'] ?? defaults.warmUp,
    schedule: params.schedule ?? defaults.schedule,
    weightDecay: params['weight-decay'] ?? defaults.weightDecay,
    maxGradientNorm: params['max-gradient-norm'],
    gamma: params.gamma,
    lambda: params.lambda,
    clipRange: params['clip-range'],
    dualClip: params['dual-clip'] ?? null,
    entropyBonus: params['entropy-bonus'],
    valueClipRange: params['value-clip-range'],
    valueCoefficient: params['value-coefficient'],
    ratioThreshold: params['ratio-threshold'],
    whitenRewards: params['whiten-rewards'],
    scaleRewards: params['scale-rewards'],
    clipRewards: params['clip-rewards'] ?? null,
    missingEosPenalty: params['missing-eos-penalty'],
    klForm: penalty,
    klControl:
      controller === 'adaptive' ? { type: 'adaptive', initial, target, horizon } : { type: 'fixed', initial },
    earlyStopKl: params['early-stop-kl'] ?? defaults.earlyStopKl,
    valueDropout: params['value-dropout'] ?? defaults.valueDropout,
    promptTokens: params['prompt-tokens'] as [number, number],
    completionTokens: params['completion-tokens'] as [number, number],
    minimumCharacters: params['minimum-characters'] ?? defaults.minimumCharacters,
  };
}
