import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job, LoopState } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { type BestState, BestWeights } from '../../ml/language-modelling/best-weights.ts';
import { windowLosses } from '../../ml/language-modelling/loss.ts';
import { exampleOf, maskedWindows } from '../../ml/language-modelling/masked-windows.ts';
import { LanguageModelTrainer, type TrainerState } from '../../ml/language-modelling/trainer.ts';
import {
  packWindows,
  splitDocuments,
  WindowOrder,
  type Windows,
} from '../../ml/language-modelling/windows.ts';
import { gptNeoXConfig } from '../../ml/models/gpt-neox-config.ts';
import { createModel } from '../../ml/models/initialise.ts';
import { loadModel } from '../../ml/models/load.ts';
import { parameterCount, saveModel } from '../../ml/models/save.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { constantSchedule } from '../../ml/optimisers/schedules/constant.ts';
import { cosineSchedule } from '../../ml/optimisers/schedules/cosine.ts';
import { linearSchedule } from '../../ml/optimisers/schedules/linear.ts';
import type { Schedule } from '../../ml/optimisers/schedules/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { bootstrapMean } from '../../ml/stats/bootstrap.ts';
import { loadTokenizer, tokenizerFiles } from '../../ml/tokenizers/load.ts';
import { wordLevelTokenizer, writeTokenizer } from '../../ml/tokenizers/word-level.ts';
import type { Trainable } from '../../ml/training/trainable.ts';
import type { LmTrainParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Json, Metric } from '../../store/types.ts';
import { readTexts } from '../texts.ts';
import { defaultLearningRate, openTrainable } from '../trainable.ts';
import { trainingLoop } from '../training-state.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as LmTrainParameters;
  const texts = await readTexts(params.data.directory);
  if (texts.length < 2)
    throw new ComputeError('bad-data', `\`data\` has ${texts.length} texts; training needs at least 2`);
  const { train, heldOut } = splitDocuments(texts, params['held-out'], stream(job.seed, 'lm.train/split'));
  const { model, tokenizer, files } = await openModel(job, params, train);
  if (params.context > model.maxPositions) {
    throw new ComputeError(
      'bad-parameter',
      `\`context\` is ${params.context}, but the model has ${model.maxPositions} positions`,
    );
  }
  const windows = pack(job, train, tokenizer, params, 'training');
  const measured = pack(job, heldOut, tokenizer, params, 'held-out');

  const { trainable, adapter } = openTrainable(job, params.lora, model);
  const trainer = new LanguageModelTrainer(model, {
    trainable,
    windows,
    order: new WindowOrder(windows.count, params.batch, job.seed as number, 'language modelling'),
    microBatch: params['micro-batch'] ?? params.batch,
    recompute: params['recompute-activations'],
    learningRate: params['learning-rate'] ?? defaultLearningRate(params, 1e-3),
    schedule: scheduleOf(params),
    weightDecay: params['weight-decay'],
    beta2: params.beta2,
    maxGradientNorm: params['max-gradient-norm'],
  });
  const every = params['evaluate-every'] ?? null;
  const best = new BestWeights(trainable, params.patience ?? null);
  const evaluations: Evaluation[] = [];
  let done = 0;
  const losses = new Float32Array(params.steps);
  const evaluate = () => {
    const held_out_loss = mean(windowLosses(model, measured, params.batch));
    evaluations.push({ step: done, held_out_loss });
    best.evaluated(held_out_loss, done);
    return { held_out_loss };
  };
  const state = await trainingLoop(job, {
    total: params.steps,
    step(i) {
      const { train_loss, gradient_norm } = trainer.step(i);
      losses[i] = train_loss;
      done = i + 1;
      return { train_loss, gradient_norm, ...(every !== null && done % every === 0 && evaluate()) };
    },
    finished: () => best.over,
    save(): LoopState {
      const { tensors, json } = trainer.save();
      const kept = best.save();
      const bestTensors = Object.entries(kept.tensors).map(([name, values]) => [`best/${name}`, values]);
      return {
        tensors: {
          ...tensors,
          ...Object.fromEntries(bestTensors),
          losses: { dtype: 'F32', shape: [done], data: losses.slice(0, done) },
        },
        json: { trainer: json, best: kept.json, evaluations, done } satisfies Progress as unknown as Json,
      };
    },
    load({ tensors, json }) {
      const { losses: saved, ...rest } = tensors;
      losses.set((saved as { data: Float32Array }).data);
      const progress = json as unknown as Progress;
      const bestTensors: TrainerState['tensors'] = {};
      for (const [name, values] of Object.entries(rest as TrainerState['tensors']))
        if (name.startsWith('best/')) bestTensors[name.slice('best/'.length)] = values;
      trainer.load({ tensors: rest as TrainerState['tensors'], json: progress.trainer });
      best.load({ tensors: bestTensors, json: progress.best });
      evaluations.push(...progress.evaluations);
      done = progress.done;
    },
  });
  // Outside of the loop: a longer training would not measure here.
  if (every !== null && done % every !== 0) evaluate();
  trainer.dispose();
  best.restore();
  const run = { losses: losses.subarray(0, done), evaluations };

  const metrics = {
    ...heldOutMetrics(model, measured, params, job.seed),
    ...trainMetrics(run.losses, trainable, windows, params, tokenizer),
    ...(best.step === null ? {} : { best_step: { value: best.step } }),
  };
  const artifact = job.artifact('model', 'model');
  saveModel(model, files, artifact.directory);
  const history = job.artifact('table', 'history');
  await writeFile(join(history.directory, 'table.json'), `${JSON.stringify(historyTable(run))}\n`);
  const outputs = { model: artifact, history, ...adapter(), ...state };
  trainable.dispose();
  model.dispose();
  return { outputs, metrics };
};

interface Evaluation {
  /** Steps done. */
  step: number;
  held_out_loss: number;
}

/** What a checkpoint holds besides tensors. */
interface Progress {
  trainer: TrainerState['json'];
  best: BestState;
  evaluations: Evaluation[];
  done: number;
}

interface Opened {
  model: LanguageModel;
  tokenizer: Tokenizer;
  /** Of the tokenizer, to be saved with the model. */
  files: string[];
}

async function openModel(job: Job, params: LmTrainParameters, train: readonly string[]): Promise<Opened> {
  if (params.model) {
    const { directory } = params.model;
    return {
      model: await loadModel(directory),
      tokenizer: loadTokenizer(directory),
      files: tokenizerFiles(directory),
    };
  }
  const shape = params.architecture as NonNullable<LmTrainParameters['architecture']>;
  const maxPositions = shape.positions ?? Math.max(256, params.context);
  const directory = join(job.workDirectory, 'tokenizer');
  const files = writeTokenizer(directory, wordLevelTokenizer(train, params.tokenizer.size, maxPositions));
  const tokenizer = loadTokenizer(directory);
  const config = gptNeoXConfig({
    layers: shape.layers,
    width: shape.width,
    heads: shape.heads,
    mlpWidth: shape['mlp-width'] ?? 4 * shape.width,
    vocabulary: tokenizer.vocabularySize,
    maxPositions,
    rotaryFraction: shape['rotary-fraction'],
    parallelResidual: shape['parallel-residual'],
    tied: shape.tied,
    bosId: tokenizer.bosId,
    eosId: tokenizer.eosId,
  });
  return { model: createModel(config, (name) => stream(job.seed, `lm.train/${name}`)), tokenizer, files };
}

function pack(
  job: Job,
  texts: readonly string[],
  tokenizer: Tokenizer,
  params: LmTrainParameters,
  which: string,
): Windows {
  const { context } = params;
  const endId = tokenizer.eosId ?? tokenizer.padId;
  const separator = params['mask-prompt']?.separator;
  if (separator !== undefined) return packCompletions(job, texts, tokenizer, { separator, context, which });
  const windows = packWindows(
    texts.map((text) => tokenizer.encode(text)),
    context,
    endId,
  );
  if (windows.count > 0) return windows;
  throw new ComputeError(
    'bad-data',
    `The ${texts.length} ${which} texts together have fewer than ${context + 1} tokens: not one window`,
    {
      hint:
        which === 'held-out'
          ? 'raise `held-out`, lower `context`, or give more texts'
          : 'lower `context`, or give more texts',
    },
  );
}

function packCompletions(
  job: Job,
  texts: readonly string[],
  tokenizer: Tokenizer,
  { separator, context, which }: { separator: string; context: number; which: string },
): Windows {
  const examples = texts.flatMap(
    (text) => exampleOf(text, separator, (part) => tokenizer.encodeWithOffsets(part)) ?? [],
  );
  const { windows, tooLong, cut } = maskedWindows(examples, context, tokenizer.eosId ?? tokenizer.padId);
  const bare = texts.length - examples.length;
  if (bare + tooLong + cut > 0)
    job.log(
      `${which} texts: ${bare} of ${texts.length} left out without a completion behind the separator, ${tooLong} with a prompt longer than \`context\`; ${cut} cut`,
    );
  if (windows.count > 0) return windows;
  throw new ComputeError(
    'bad-data',
    `Of the ${texts.length} ${which} texts ${bare} have no completion behind ${JSON.stringify(separator)}, and ${tooLong} a prompt longer than ${context} tokens: none is left`,
    { hint: 'correct `separator` of `mask-prompt`, raise `context`, or give other texts' },
  );
}

function scheduleOf(params: LmTrainParameters): Schedule {
  const options = { total: params.steps, warmup: params['warm-up'] ?? Math.round(params.steps / 20) };
  switch (params.schedule) {
    case 'constant':
      return constantSchedule(options);
    case 'linear':
      return linearSchedule(options);
    case 'cosine':
      return cosineSchedule(options);
  }
}

function heldOutMetrics(
  model: LanguageModel,
  windows: Windows,
  { batch }: LmTrainParameters,
  seed: number,
): Record<string, Metric> {
  const draws = stream(seed, 'lm.train/held-out interval');
  const loss = bootstrapMean(windowLosses(model, windows, batch), { stream: draws, unit: 'window' });
  const { value, ci_low, ci_high } = loss;
  const interval =
    ci_low === undefined || ci_high === undefined
      ? {}
      : { ci_low: Math.exp(ci_low), ci_high: Math.exp(ci_high) };
  return {
    held_out_loss: { ...loss, unit: 'nats/token' },
    perplexity: { ...loss, value: Math.exp(value), ...interval },
  };
}

function trainMetrics(
  losses: Float32Array,
  trainable: Trainable,
  windows: Windows,
  { batch, context }: LmTrainParameters,
  tokenizer: Tokenizer,
): Record<string, Metric> {
  const steps = losses.length;
  const last = losses.subarray(-Math.max(1, Math.round(steps / 10)));
  return {
    train_loss: { value: mean(last), n: last.length, n_unit: 'step', unit: 'nats/token' },
    parameters: { value: parameterCount(trainable) },
    vocabulary: { value: tokenizer.vocabularySize },
    train_tokens: { value: steps * batch * context },
    epochs: { value: (steps * batch) / windows.count },
  };
}

/** Rows of the curve: a report needs no more, however long the training was. */
const MOST_ROWS = 200;

function historyTable({ losses, evaluations }: { losses: Float32Array; evaluations: Evaluation[] }): Table {
  const size = Math.ceil(losses.length / MOST_ROWS);
  const starts = Array.from({ length: Math.ceil(losses.length / size) }, (_, i) => i * size);
  return {
    id: 'lm-history',
    title: 'Language modelling, step by step',
    caption: `Loss on the training batches${size > 1 ? `, means of ${size} steps` : ''}.`,
    columns: [
      { key: 'step', label: 'step', format: 'integer' },
      {
        key: 'train_loss',
        label: 'train loss',
        definition: 'Mean next-token cross-entropy of the batch before its update, in nats a token.',
        format: 'number',
      },
      ...(evaluations.length > 0 ? [HELD_OUT] : []),
    ],
    rows: starts.map((start) => {
      const step = Math.min(losses.length, start + size);
      const measured = evaluations.findLast((one) => one.step > start && one.step <= step);
      return {
        step,
        train_loss: mean(losses.subarray(start, start + size)),
        ...(measured ? { held_out_loss: measured.held_out_loss } : {}),
      };
    }),
  };
}

const HELD_OUT: Table['columns'][number] = {
  key: 'held_out_loss',
  label: 'held-out loss',
  definition: 'The same on the held-out texts, mean over windows, after the step.',
  format: 'number',
};

function mean(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
