import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job, LocalArtifact, LoopState } from '../../compute/types.ts';
import { type CausalClassifier, classifierFromModel } from '../../ml/classifiers/causal-classifier.ts';
import { evaluatePairs, type PairEvaluation } from '../../ml/classifiers/pair-evaluation.ts';
import { type RewardStep, RewardTrainer } from '../../ml/classifiers/reward-trainer.ts';
import { type TokenPairs, tokenPairs } from '../../ml/classifiers/token-pairs.ts';
import { ComputeError } from '../../ml/failure.ts';
import { WindowOrder } from '../../ml/language-modelling/windows.ts';
import { parameterCount, saveModel } from '../../ml/models/save.ts';
import { constantSchedule } from '../../ml/optimisers/schedules/constant.ts';
import { cosineSchedule } from '../../ml/optimisers/schedules/cosine.ts';
import { linearSchedule } from '../../ml/optimisers/schedules/linear.ts';
import type { Schedule } from '../../ml/optimisers/schedules/types.ts';
import type { PreferencePair } from '../../ml/preferences/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { loadTokenizer, tokenizerFiles } from '../../ml/tokenizers/load.ts';
import type { UpdaterState } from '../../ml/training/updater.ts';
import type { RewardTrainParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Json, Metric } from '../../store/types.ts';
import { readPreferences } from '../preferences.ts';
import { calibrationTable, rewardHistoryTable } from '../reward-tables.ts';
import { defaultLearningRate, openTrainable } from '../trainable.ts';
import { trainingLoop } from '../training-state.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RewardTrainParameters;
  const tokenizer = loadTokenizer(params.model.directory);
  const classifier = classifierFromModel(params.model.directory, {
    labels: ['reward'],
    padId: tokenizer.padId,
    draws: stream(job.seed, 'reward.train/head'),
  });
  const maxTokens = maxLength(params, classifier);
  const given = await readPreferences(params.preferences.directory);
  const train = tokenPairs(withMargins(given, params), tokenizer, maxTokens);
  const heldOut = params['held-out'] ? await readPreferences(params['held-out'].directory) : null;
  const measured = heldOut && tokenPairs(heldOut, tokenizer, maxTokens);
  checkPairs(job, train, 'preferences');
  if (measured) checkPairs(job, measured, 'held-out');

  const { batch } = params;
  const steps = params.steps ?? Math.max(1, Math.round((params.epochs * train.pairs.length) / batch));
  const { trunk, head } = classifier;
  const { trainable, adapter } = openTrainable(job, params.lora, trunk, undefined, head);
  const trainer = new RewardTrainer(classifier, {
    trainable,
    pairs: train.pairs,
    order: new WindowOrder(train.pairs.length, batch, job.seed, 'reward.train'),
    microBatch: params['micro-batch'] ?? batch,
    learningRate: params['learning-rate'] ?? defaultLearningRate(params, 1e-4),
    schedule: scheduleOf(params, steps),
    weightDecay: params['weight-decay'],
    maxGradientNorm: params['max-gradient-norm'],
    centring: params.centring,
  });
  let history: RewardStep[] = [];
  const state = await trainingLoop(job, {
    total: steps,
    step(i) {
      const made = trainer.step(i);
      history.push(made);
      return { ...made };
    },
    save(): LoopState {
      const { tensors, json } = trainer.save();
      return { tensors, json: { ...json, history: history as unknown as Json } };
    },
    load({ tensors, json }) {
      const saved = json as unknown as UpdaterState['json'] & { history: RewardStep[] };
      trainer.load({ tensors: tensors as UpdaterState['tensors'], json: saved });
      history = saved.history;
    },
  });
  trainer.dispose();

  const artifact = job.artifact('classifier', 'classifier');
  saveModel(classifier, tokenizerFiles(params.model.directory), artifact.directory);
  const outputs: Record<string, LocalArtifact> = {
    classifier: artifact,
    history: await keepTable(job, 'history', rewardHistoryTable(history)),
    ...adapter(),
    ...state,
  };
  const metrics = trainMetrics(classifier, train, history, (steps * batch) / train.pairs.length);
  if (measured && heldOut) {
    const draws = (name: string) => stream(job.seed, `reward.train/held-out ${name}`);
    const evaluation = evaluatePairs(classifier, measured.pairs, draws);
    outputs.calibration = await keepTable(job, 'calibration', calibrationTable(evaluation.calibration));
    Object.assign(metrics, heldOutMetrics(evaluation, given, heldOut));
  }
  trainable.dispose();
  classifier.dispose();
  return { outputs, metrics };
};

function maxLength(params: RewardTrainParameters, { maxPositions }: CausalClassifier): number {
  const limit = params['max-length'] ?? maxPositions;
  if (limit <= maxPositions) return limit;
  throw new ComputeError(
    'bad-parameter',
    `\`max-length\` is ${limit}, but the model has ${maxPositions} positions`,
  );
}

/** The pairs with the margins that the loss is to use. */
function withMargins(pairs: readonly PreferencePair[], { margin }: RewardTrainParameters): PreferencePair[] {
  if (margin === 'none') return pairs.map(({ margin: _, ...pair }) => pair);
  const bare = pairs.findIndex((pair) => pair.margin === undefined);
  if (bare < 0) return [...pairs];
  throw new ComputeError(
    'bad-data',
    `\`margin\` is given, but pair ${bare + 1} of \`preferences\` has none`,
    {
      hint: 'give every pair a `margin`, or set `margin` to none',
    },
  );
}

function checkPairs(job: Job, { pairs, cut, same }: TokenPairs, which: string): void {
  if (cut + same > 0)
    job.log(
      `\`${which}\`: ${cut} texts cut at their beginning, ${same} pairs left out: their texts are equal`,
    );
  if (pairs.length > 0) return;
  throw new ComputeError(
    'bad-data',
    same > 0
      ? `In each of the ${same} pairs of \`${which}\` both texts read the same to the model`
      : `\`${which}\` has no pairs`,
    { hint: 'raise `max-length`, or give other pairs' },
  );
}

function scheduleOf(params: RewardTrainParameters, steps: number): Schedule {
  const options = { total: steps, warmup: params['warm-up'] ?? Math.round(steps / 20) };
  switch (params.schedule) {
    case 'constant':
      return constantSchedule(options);
    case 'linear':
      return linearSchedule(options);
    case 'cosine':
      return cosineSchedule(options);
  }
}

async function keepTable(job: Job, name: string, table: Table): Promise<LocalArtifact> {
  const artifact = job.artifact('table', name);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return artifact;
}

function trainMetrics(
  classifier: CausalClassifier,
  { pairs, cut, same }: TokenPairs,
  history: readonly RewardStep[],
  epochs: number,
): Record<string, Metric> {
  const last = history.slice(-Math.max(1, Math.round(history.length / 10)));
  const over = (key: 'loss' | 'accuracy'): Metric => ({
    value: last.reduce((sum, step) => sum + step[key], 0) / last.length,
    n: last.length,
    n_unit: 'step',
  });
  return {
    train_loss: { ...over('loss'), unit: 'nats' },
    train_accuracy: over('accuracy'),
    pairs: { value: pairs.length },
    cut_texts: { value: cut / (2 * (pairs.length + same)) },
    left_out_pairs: { value: same },
    epochs: { value: epochs },
    parameters: { value: parameterCount(classifier) },
  };
}

function heldOutMetrics(
  { accuracy, margin, loss, calibration }: PairEvaluation,
  trained: readonly PreferencePair[],
  heldOut: readonly PreferencePair[],
): Record<string, Metric> {
  const textsOf = ({ prompt, chosen, rejected }: PreferencePair) =>
    JSON.stringify([prompt, chosen, rejected]);
  const seen = new Set(trained.map(textsOf));
  return {
    held_out_accuracy: accuracy,
    held_out_margin: margin,
    held_out_loss: { ...loss, unit: 'nats' },
    calibration_error: { value: calibration.expectedError, n: accuracy.n, n_unit: accuracy.n_unit },
    held_out_seen: { value: heldOut.filter((pair) => seen.has(textsOf(pair))).length },
  };
}
