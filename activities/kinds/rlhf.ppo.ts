import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, LoopState } from '../../compute/types.ts';
import { loadModel } from '../../ml/models/load.ts';
import { saveModel } from '../../ml/models/save.ts';
import { stream } from '../../ml/random/stream.ts';
import { type PpoState, PpoTrainer } from '../../ml/rlhf/ppo.ts';
import { PPO_METRICS, type PpoMetrics } from '../../ml/rlhf/ppo-metrics.ts';
import { PPO_DEFAULTS, type PpoSettings } from '../../ml/rlhf/ppo-settings.ts';
import { promptsOf, tuningPrompts } from '../../ml/rlhf/prompts.ts';
import { loadTokenizer, tokenizerFiles } from '../../ml/tokenizers/load.ts';
import type { RlhfPpoParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Metric } from '../../store/types.ts';
import { openReward } from '../feedback.ts';
import { readTexts } from '../texts.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RlhfPpoParameters;
  const settings = settingsOf(params);
  const tokenizer = loadTokenizer(params.model.directory);
  const prompts = tuningPrompts(
    promptsOf(
      await readTexts(params.prompts.directory),
      tokenizer,
      { tokens: settings.promptTokens, minimumCharacters: settings.minimumCharacters },
      stream(job.seed, 'rlhf.ppo/prompts'),
    ),
  );
  const steps = params.steps ?? Math.max(1, Math.floor(prompts.length / settings.batch));
  const policy = await loadModel(params.model.directory);
  const reference = await loadModel(params.model.directory);
  const feedback = await openReward(params.reward);
  const trainer = new PpoTrainer({
    policy,
    reference,
    tokenizer,
    reward: feedback,
    prompts,
    settings,
    steps,
    seed: job.seed,
  });

  let history: PpoMetrics[] = [];
  await job.loop({
    total: steps,
    async step(i) {
      const metrics = await trainer.step(i);
      history.push(metrics);
      const { reward, kl, kl_coefficient, entropy, length, value_loss, clip_fraction } = metrics;
      return { reward, kl, kl_coefficient, entropy, length, value_loss, clip_fraction };
    },
    save(): LoopState {
      const { tensors, json } = trainer.save();
      return { tensors, json: { ...json, history } };
    },
    load({ tensors, json }) {
      const saved = json as unknown as PpoState['json'] & { history: PpoMetrics[] };
      trainer.load({ tensors: tensors as PpoState['tensors'], json: saved });
      history = saved.history;
    },
  });

  const model = job.artifact('model', 'model');
  saveModel(policy, tokenizerFiles(params.model.directory), model.directory);
  const curve = job.artifact('table', 'history');
  await writeFile(
    join(curve.directory, 'table.json'),
    `${JSON.stringify(historyTable(history, feedback.description))}\n`,
  );
  trainer.dispose();
  policy.dispose();
  reference.dispose();
  return { outputs: { model, history: curve }, metrics: summary(history, settings.batch) };
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
    learningRate: params['learning-rate'] ?? defaults.learningRate,
    warmUp: params['warm-up'] ?? defaults.warmUp,
    schedule: params.schedule ?? defaults.schedule,
    weightDecay: params['weight-decay'] ?? defaults.weightDecay,
    maxGradientNorm: params['max-gradient-norm'],
    gamma: params.gamma,
    lambda: params.lambda,
    clipRange: params['clip-range'],
    valueClipRange: params['value-clip-range'],
    valueCoefficient: params['value-coefficient'],
    ratioThreshold: params['ratio-threshold'],
    whitenRewards: params['whiten-rewards'],
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

function historyTable(history: readonly PpoMetrics[], reward: string): Table {
  const metrics = Object.entries(PPO_METRICS);
  return {
    id: 'ppo-history',
    title: 'PPO, step by step',
    caption: `One row a step, measured on the completions sampled in it, on tuning prompts. Reward: ${reward}.`,
    columns: [
      { key: 'step', label: 'step', format: 'integer' },
      ...metrics.map(([key, definition]) => ({
        key,
        label: key.replaceAll('_', ' '),
        definition,
        format: 'number' as const,
      })),
    ],
    rows: history.map((row, i) => ({ step: i + 1, ...row })),
  };
}

/** Means over the first and the last tenth of the steps. */
function summary(history: readonly PpoMetrics[], batch: number): Record<string, Metric> {
  const tenth = Math.max(1, Math.round(history.length / 10));
  const over = (rows: readonly PpoMetrics[], key: keyof PpoMetrics): Metric => ({
    value: rows.reduce((sum, row) => sum + row[key], 0) / rows.length,
    n: rows.length * batch,
    n_unit: 'completion',
  });
  const first = history.slice(0, tenth);
  const last = history.slice(-tenth);
  return {
    reward_start: over(first, 'reward'),
    reward_end: over(last, 'reward'),
    kl_end: over(last, 'kl'),
    entropy_end: over(last, 'entropy'),
    length_end: over(last, 'length'),
    kl_coefficient: { value: last.at(-1)?.kl_coefficient ?? 0 },
  };
}
