import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BodyResult, Job, LocalArtifact, LoopState } from '../compute/types.ts';
import { loadModel } from '../ml/models/load.ts';
import { saveModel } from '../ml/models/save.ts';
import { stream } from '../ml/random/stream.ts';
import type { AlarmHints } from '../ml/rlhf/alarms.ts';
import type {
  OnPolicyParts,
  OnPolicySettings,
  OnPolicyState,
  OnPolicyTrainer,
} from '../ml/rlhf/on-policy.ts';
import { promptsOf, tuningPrompts } from '../ml/rlhf/prompts.ts';
import type { RolloutMetrics } from '../ml/rlhf/rollout-metrics.ts';
import { loadTokenizer, tokenizerFiles } from '../ml/tokenizers/load.ts';
import type { Feedback, Lora } from '../schemas/generated/parameters.ts';
import type { Table } from '../store/table.ts';
import type { Json, Metric } from '../store/types.ts';
import { type AlarmParameters, AlarmWatch } from './alarm-watch.ts';
import { openReward } from './feedback.ts';
import { readTexts } from './texts.ts';
import { openTrainable } from './trainable.ts';
import { trainingLoop } from './training-state.ts';

/** What the kinds of tuning on a policy's own completions have in common. */
export interface OnPolicyParameters {
  model: { directory: string };
  prompts: { directory: string };
  reward: Feedback;
  steps?: number;
  lora?: Lora;
  alarms: AlarmParameters;
}

export interface OnPolicyTask<S extends OnPolicySettings, M> {
  /** `PPO`, for tables and messages. */
  title: string;
  settings: S;
  /** What is recorded of each step, and what it means. */
  definitions: Record<keyof M, string>;
  /** Of these, what a person sees while it runs. */
  shown: readonly (keyof M)[];
  hints: AlarmHints;
  trainer(parts: OnPolicyParts<S>): OnPolicyTrainer<M>;
}

export interface Tuned<M> {
  result: BodyResult;
  history: readonly M[];
}

/** Tunes a model by one algorithm: prompts, the resumable loop with its history and alarms, and what is made of them. */
export async function tuneOnPolicy<S extends OnPolicySettings, M extends RolloutMetrics>(
  job: Job,
  params: OnPolicyParameters,
  task: OnPolicyTask<S, M>,
): Promise<Tuned<M>> {
  const { settings } = task;
  const { directory } = params.model;
  const tokenizer = loadTokenizer(directory);
  const prompts = tuningPrompts(
    promptsOf(
      await readTexts(params.prompts.directory),
      tokenizer,
      { tokens: settings.promptTokens, minimumCharacters: settings.minimumCharacters },
      stream(job.seed, `${job.kind}/prompts`),
    ),
  );
  const steps = params.steps ?? Math.max(1, Math.floor(prompts.length / settings.batch));
  const policy = await loadModel(directory);
  const reference = await loadModel(directory);
  const { trainable, adapter } = openTrainable(job, params.lora, policy, reference.parameters);
  const reward = await openReward(params.reward, job, 'reward');
  const models = { policy, trainable, reference, tokenizer };
  const trainer = task.trainer({ ...models, reward, prompts, settings, steps, seed: job.seed });
  const watch = new AlarmWatch(job, task.title, params.alarms, task.hints);

  let history: M[] = [];
  const state = await trainingLoop(job, {
    total: steps,
    async step(i) {
      const begun = performance.now();
      const metrics = await trainer.step(i);
      const seconds = (performance.now() - begun) / 1000;
      history.push(metrics);
      watch.see(metrics);
      const shown = Object.fromEntries(task.shown.map((key) => [key, metrics[key] as number]));
      // Only for who watches: what is kept holds no time, or equal runs would differ.
      return { ...shown, tokens_per_second: (metrics.length * settings.batch) / seconds };
    },
    save(): LoopState {
      const { tensors, json } = trainer.save();
      return { tensors, json: { ...json, history, watch: watch.save() } as unknown as Json };
    },
    load({ tensors, json }) {
      const saved = json as unknown as OnPolicyState['json'] & { history: M[]; watch: unknown };
      trainer.load({ tensors: tensors as OnPolicyState['tensors'], json: saved });
      history = saved.history;
      watch.load(saved.watch as ReturnType<AlarmWatch['save']>);
    },
  });

  const model = job.artifact('model', 'model');
  saveModel(policy, tokenizerFiles(directory), model.directory);
  const outputs = {
    model,
    history: await keepTable(job, 'history', historyTable(job.kind, task, history, reward.description)),
    alarms: await keepTable(job, 'alarms', watch.table()),
    ...adapter(),
    ...state,
  };
  trainer.dispose();
  trainable.dispose();
  policy.dispose();
  reference.dispose();
  reward.close?.();
  const metrics = { ...summary(history, settings.batch), alarms: { value: watch.alarms.length } };
  const spent = reward.dollars && { dollars: reward.dollars() };
  return { result: { outputs, metrics, ...spent }, history };
}

async function keepTable(job: Job, name: string, table: Table): Promise<LocalArtifact> {
  const artifact = job.artifact('table', name);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return artifact;
}

function historyTable<S extends OnPolicySettings, M extends RolloutMetrics>(
  kind: string,
  { title, definitions }: OnPolicyTask<S, M>,
  history: readonly M[],
  reward: string,
): Table {
  return {
    id: `${kind.slice(kind.indexOf('.') + 1)}-history`,
    title: `${title}, step by step`,
    caption: `One row a step, measured on the completions sampled in it, on tuning prompts. Reward: ${reward}.`,
    columns: [
      { key: 'step', label: 'step', format: 'integer' },
      ...Object.entries<string>(definitions).map(([key, definition]) => ({
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
function summary(history: readonly RolloutMetrics[], batch: number): Record<string, Metric> {
  const tenth = Math.max(1, Math.round(history.length / 10));
  const over = (rows: readonly RolloutMetrics[], key: keyof RolloutMetrics): Metric => ({
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
  };
}
