import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job, LoopState } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import { saveModel } from '../../ml/models/save.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { DpoTrainer } from '../../ml/preferences/dpo.ts';
import type { DpoMetrics } from '../../ml/preferences/dpo-metrics.ts';
import type { DpoSettings } from '../../ml/preferences/dpo-settings.ts';
import { type DpoStart, MEASURED_PAIRS, measureStart } from '../../ml/preferences/dpo-start.ts';
import { measurePairs } from '../../ml/preferences/held-out.ts';
import { heldOutMetrics } from '../../ml/preferences/held-out-metrics.ts';
import { pairsTaken } from '../../ml/preferences/order.ts';
import {
  checkFits,
  digestOfPairs,
  type TokenisedPairs,
  type TokenPair,
  tokenisePairs,
} from '../../ml/preferences/token-pairs.ts';
import { stream } from '../../ml/random/stream.ts';
import { loadTokenizer, tokenizerFiles } from '../../ml/tokenizers/load.ts';
import type { RlhfDpoParameters } from '../../schemas/generated/parameters.ts';
import { type DpoCheckpoint, loadCheckpoint, saveCheckpoint } from '../dpo/checkpoint.ts';
import { dpoSettings } from '../dpo/settings.ts';
import { historyTable, summary } from '../dpo/summary.ts';
import { readLogProbs } from '../log-probs.ts';
import { lengthRules, readPreferences } from '../preferences.ts';
import { openTrainable } from '../trainable.ts';
import { trainingLoop } from '../training-state.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RlhfDpoParameters;
  const tokenizer = loadTokenizer(params.model.directory);
  const tokenised = await readPairs(params, params.preferences.directory, tokenizer);
  const { pairs } = tokenised;
  const heldOut = await heldOutPairs(job, params, tokenizer);
  const { settings, steps } = dpoSettings(params, pairs.length);
  const policy = await loadModel(params.model.directory);
  if (heldOut) checkFits(policy, heldOut);
  const { trainable, adapter } = openTrainable(job, params.lora, policy);
  const trainer = new DpoTrainer({
    policy,
    trainable,
    pairs,
    padId: tokenizer.padId,
    settings,
    steps,
    seed: job.seed,
  });
  const startAt = () => computeStart({ job, params, policy, tokenizer, pairs, heldOut, settings, steps });

  let start: DpoStart | null = null;
  let history: DpoMetrics[] = [];
  const state = await trainingLoop(job, {
    total: steps,
    async step(i) {
      start ??= await startAt();
      const metrics = trainer.step(i, start.reference);
      if (i === 0) checkStart(params, metrics);
      history.push(metrics);
      const { loss, accuracy, margin, reward_chosen, reward_rejected, gradient_norm } = metrics;
      return { loss, accuracy, margin, reward_chosen, reward_rejected, gradient_norm };
    },
    save: (): LoopState =>
      saveCheckpoint({ trainer: trainer.save(), start: start as DpoStart, steps, history }),
    async load(state) {
      const saved: DpoCheckpoint = loadCheckpoint(state);
      // A shorter training may have measured fewer pairs. The policy is still what it was at the start.
      const taken = (count: number) => Math.min(pairs.length, count * settings.batch);
      start = taken(saved.steps) === taken(steps) ? saved.start : await startAt();
      trainer.load(saved.trainer);
      history = saved.history;
    },
  });

  const model = job.artifact('model', 'model');
  saveModel(policy, tokenizerFiles(params.model.directory), model.directory);
  const curve = job.artifact('table', 'history');
  await writeFile(join(curve.directory, 'table.json'), `${JSON.stringify(historyTable(history, params))}\n`);
  const after = heldOut && measureAfter(job, policy, tokenizer, heldOut, settings, start);
  const outputs = { model, history: curve, ...adapter(), ...state };
  trainer.dispose();
  trainable.dispose();
  policy.dispose();
  return {
    outputs,
    metrics: summary({ history, settings, tokenised, before: startOf(start).heldOut?.before ?? null, after }),
  };
};

async function readPairs(
  params: RlhfDpoParameters,
  directory: string,
  tokenizer: Tokenizer,
): Promise<TokenisedPairs> {
  return tokenisePairs(await readPreferences(directory), tokenizer, lengthRules(params));
}

async function heldOutPairs(job: Job, params: RlhfDpoParameters, tokenizer: Tokenizer) {
  const artifact = params['held-out'];
  if (artifact === undefined) return null;
  const { pairs } = await readPairs(params, artifact.directory, tokenizer);
  const order = stream(job.seed, 'rlhf.dpo/held-out').permutation(pairs.length);
  return Array.from(order.slice(0, params['held-out-count']), (i) => pairs[i] as TokenPair);
}

interface StartOptions {
  job: Job;
  params: RlhfDpoParameters;
  policy: LanguageModel;
  tokenizer: Tokenizer;
  pairs: readonly TokenPair[];
  heldOut: readonly TokenPair[] | null;
  settings: DpoSettings;
  steps: number;
}

async function computeStart(options: StartOptions): Promise<DpoStart> {
  const { job, params, policy, tokenizer, pairs, heldOut, settings, steps } = options;
  const artifact = params['reference-log-probs'];
  const stored = artifact
    ? readLogProbs(artifact.directory, {
        model: (params.reference ?? params.model).digest,
        pairs: digestOfPairs(pairs),
        count: pairs.length,
      })
    : null;
  const needed = stored === null || heldOut !== null;
  const other = params.reference && needed ? await loadReference(params.reference.directory, policy) : null;
  const start = measureStart({
    policy,
    reference: other ?? policy,
    pairs,
    taken: pairsTaken(pairs.length, settings.batch, job.seed, steps),
    stored,
    heldOut,
    padId: tokenizer.padId,
    settings,
    draws: stream(job.seed, 'rlhf.dpo/intervals'),
    progress: () => job.progress(0, steps),
  });
  other?.dispose();
  return start;
}

async function loadReference(directory: string, policy: LanguageModel): Promise<LanguageModel> {
  const reference = await loadModel(directory);
  if (reference.vocabulary === policy.vocabulary) return reference;
  throw new ComputeError(
    'bad-parameter',
    `The reference has ${reference.vocabulary} tokens, the model ${policy.vocabulary}: they cannot be compared`,
    { hint: 'give the model that `model` was made from as `reference`, or leave `reference` out' },
  );
}

/** In nats: far above what rounding makes of a completion, far below what another model does. */
const LARGEST_ROUNDING = 0.5;

/** A policy that is its own reference starts with log-ratios of 0: else something is not what it is taken for. */
function checkStart({ model, reference }: RlhfDpoParameters, { largest_log_ratio }: DpoMetrics): void {
  if (reference !== undefined && reference.digest !== model.digest) return;
  if (largest_log_ratio < LARGEST_ROUNDING) return;
  throw new ComputeError(
    'internal',
    `The model is its own reference, but before the first update a log-ratio is ${largest_log_ratio} nats instead of 0.`,
  );
}

const startOf = (start: DpoStart | null): DpoStart => {
  if (start === null) throw new Error('No step was made');
  return start;
};

function measureAfter(
  job: Job,
  policy: LanguageModel,
  tokenizer: Tokenizer,
  heldOut: readonly TokenPair[],
  settings: DpoSettings,
  start: DpoStart | null,
) {
  const reference = startOf(start).heldOut?.reference;
  if (!reference) throw new Error('The held-out pairs were not measured at the start');
  const progress = () => job.progress(1, 1);
  const sums = measurePairs(policy, heldOut, { padId: tokenizer.padId, size: MEASURED_PAIRS, progress });
  return heldOutMetrics(heldOut, sums, reference, settings, stream(job.seed, 'rlhf.dpo/intervals'));
}
