import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import type { ActivityBody, LoopState } from '../../compute/types.ts';
import { RowBatches } from '../../ml/activations/batches.ts';
import { visitingOrder } from '../../ml/activations/order.ts';
import type { Activations } from '../../ml/activations/read.ts';
import type { TextSelection } from '../../ml/activations/types.ts';
import { tensorflow } from '../../ml/engine/engine.ts';
import { ComputeError } from '../../ml/failure.ts';
import { restartedWarmup } from '../../ml/optimisers/schedules/restarted-warmup.ts';
import { trapezoidSchedule } from '../../ml/optimisers/schedules/trapezoid.ts';
import { warmup } from '../../ml/optimisers/schedules/warmup.ts';
import { stream } from '../../ml/random/stream.ts';
import { createDictionary, type Dictionary, type DictionaryConfig } from '../../ml/sae/dictionary.ts';
import { countFirings, measure } from '../../ml/sae/measure.ts';
import { deadFraction, type Firings } from '../../ml/sae/metrics/dead-fraction.ts';
import { l0 } from '../../ml/sae/metrics/l0.ts';
import { modelShares, relativeNormDifferences } from '../../ml/sae/metrics/model-share.ts';
import { totalMoments } from '../../ml/sae/metrics/moments.ts';
import { meanSquaredError } from '../../ml/sae/metrics/mse.ts';
import { fractionExplained, fractionUnexplained } from '../../ml/sae/metrics/variance-explained.ts';
import { drawInProportion } from '../../ml/sae/resampling.ts';
import { saveDictionary, unscaled } from '../../ml/sae/save.ts';
import { resolveSettings, type TrainingSettings, trainingScale } from '../../ml/sae/settings.ts';
import { Trainer, type TrainerState } from '../../ml/sae/trainer.ts';
import { createAutoencoder } from '../../ml/sae/variants.ts';
import type { SaeTrainParameters } from '../../schemas/generated/parameters.ts';
import type { Json, Metric } from '../../store/types.ts';
import { type DictionaryData, openDictionaryData, type Scales } from '../dictionary-data.ts';
import { SaeHistory } from '../sae-history.ts';
import { refuseSparseSettings, sparseSettings } from '../sae-sparse-settings.ts';
import { refuseVariantSettings, variantSettings } from '../sae-variant-settings.ts';
import { trainingLoop } from '../training-state.ts';

/** Activations that the starting bias is taken from. */
const SAMPLE_ROWS = 1024;
/** Rows measured on, at most. For dead features: one that fires once in 10,000 positions is rarely missed. */
const MEASURED_ROWS = 100_000;
/** The running threshold: dictionary_learning's decay, from the middle of the run on. */
const THRESHOLD_BETA = 0.999;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as SaeTrainParameters;
  const data = job.share(dataName(params), () => openDictionaryData(params));
  const { activations, width } = data;
  const { rows: trainingRows, texts } = trainingPart(activations, params['held-out']);
  const settings = settingsOf(params, activations.index.width, trainingRows);
  const scales = trainingScales(data, settings, trainingRows);
  const shuffle = settings.shuffle ? { seed: job.seed, name: 'sae.rows' } : null;
  const read = { rows: trainingRows, batch: settings.batch, shuffle };
  // Read and shuffled once for all dictionaries that train on the same batches in this process.
  const batches = job.share(
    `batches ${dataName(params)} ${JSON.stringify({ ...read, scales })}`,
    () => new RowBatches(data.source(scales), read),
  );
  const trainer = createTrainer(settings, data, batches, job.seed);

  const tf = tensorflow();
  const history = new SaeHistory();
  const state = await trainingLoop(job, {
    total: settings.steps,
    save: () => {
      const { tensors, json } = trainer.state();
      return { tensors, json: { ...json, history: history.save() } as unknown as Json };
    },
    load: (state: LoopState) => {
      trainer.load(state as unknown as TrainerState);
      history.load((state.json as Record<string, Json>).history);
    },
    step(i) {
      const [acts_BD, target_BE] = partsOf(batches.batch(i), data);
      const losses = trainer.step(i, acts_BD, target_BE);
      tf.dispose([acts_BD, target_BE ?? []]);
      history.note(i + 1, losses);
      return losses;
    },
  });

  const config: DictionaryConfig = {
    ...configOf(params, data, settings, scales),
    activation: trainer.autoencoder.activation,
    subtractsDecoderBias: trainer.autoencoder.subtractsDecoderBias,
    threshold: trainer.threshold === null ? null : trainer.threshold / scales.target,
    texts,
  };
  const weights = unscaled(
    trainer.autoencoder.inferenceWeights(trainer.threshold),
    width,
    settings.features,
    scales.read,
    scales.target,
  );
  trainer.dispose();
  const artifact = job.artifact('sae', 'sae');
  saveDictionary(artifact.directory, config, weights);
  const dictionary = createDictionary(config, weights);
  const metrics = measureDictionary(dictionary, data, trainingRows);
  dictionary.dispose();
  const curve = job.artifact('table', 'history');
  await writeFile(join(curve.directory, 'table.json'), `${JSON.stringify(history.table())}\n`);
  return { outputs: { sae: artifact, history: curve, ...state }, metrics };
};

function settingsOf(params: SaeTrainParameters, width: number, rows: number): TrainingSettings {
  const { variant, protocol, auxiliary } = params;
  if (protocol === 'faithful' && variant !== 'l1-tied') {
    throw new ComputeError('bad-parameter', `The published training has no variant ${variant}`, {
      hint: 'with `protocol: faithful` use `variant: l1-tied`',
    });
  }
  const settings = resolveSettings(
    {
      ...params,
      activations: params.tokens,
      learningRate: params['learning-rate'],
      warmUp: params['warm-up'],
      sparsityWarmUp: params['sparsity-warm-up'],
      maxGradientNorm: params['max-gradient-norm'],
      auxiliary,
      ...sparseSettings(params),
      ...variantSettings(params),
    },
    width,
    rows,
  );
  refuseSparseSettings(settings, rows);
  refuseVariantSettings(params, settings);
  return settings;
}

/** Names what `openDictionaryData` opens. */
function dataName({ activations, target, tuned, ...params }: SaeTrainParameters): string {
  const { variant, layer, site, transcoder } = params;
  const directories = [activations, target, tuned].map((artifact) => artifact?.directory);
  const kind = ['transcoder', 'crosscoder', 'diff'].includes(variant) ? variant : 'autoencoder';
  const places = [layer, site, params['target-layer'], params['target-site'], transcoder.skip];
  return `data ${JSON.stringify([kind, ...directories, ...places])}`;
}

function trainingScales(data: DictionaryData, { normalise }: TrainingSettings, rows: number): Scales {
  if (normalise === 'none') return { read: 1, target: 1 };
  const { width } = data.activations.index;
  const unit = data.unitScales(rows);
  return {
    read: trainingScale(normalise, unit.read, width),
    target: trainingScale(normalise, unit.target, data.targetWidth ?? width),
  };
}

/** Rows of the source as what is read and, if that is something else, what is reconstructed. */
function partsOf(rows_BW: Float32Array, { width, targetWidth }: DictionaryData): [tf.Tensor2D, tf.Tensor2D?] {
  const tf = tensorflow();
  const both = tf.tensor2d(rows_BW, [
    rows_BW.length / (width + (targetWidth ?? 0)),
    width + (targetWidth ?? 0),
  ]);
  if (targetWidth === null) return [both];
  const parts = tf.split(both, [width, targetWidth], 1) as [tf.Tensor2D, tf.Tensor2D];
  both.dispose();
  return parts;
}

function createTrainer(
  settings: TrainingSettings,
  data: DictionaryData,
  batches: RowBatches,
  seed: number,
): Trainer {
  const { steps, warmUp, decay, sparsityWarmUp, resampling } = settings;
  const first = partsOf(sample(batches, settings, data.width + (data.targetWidth ?? 0)), data);
  const [sample_ND, target_NE] = first.map((part) => part?.dataSync() as Float32Array);
  const autoencoder = createAutoencoder(settings.variant, {
    ...settings,
    width: data.width,
    stream: stream(seed, 'sae.weights'),
    sample_ND: sample_ND as Float32Array,
    target: target_NE && data.targetWidth !== null ? { width: data.targetWidth, sample_NE: target_NE } : null,
  });
  tensorflow().dispose(first.filter((part) => part !== undefined));
  const whole = trapezoidSchedule({ total: steps, warmup: warmUp, decayStart: steps - decay });
  const restarts = resampling && restartedWarmup({ ...resampling, warmup: warmUp });
  return new Trainer(autoencoder, {
    learningRate: settings.learningRate,
    schedule: (step) => whole(step) * (restarts ? restarts(step) : 1),
    sparsity: warmup(sparsityWarmUp, () => 1),
    maxGradientNorm: settings.maxGradientNorm,
    deadAfter: settings.deadAfter,
    threshold: { beta: THRESHOLD_BETA, from: thresholdStart(settings) },
    ...(resampling && {
      resampling: {
        ...resampling,
        draw: (step, weights_B, count) =>
          drawInProportion(weights_B, count, stream(seed, `sae.resampling.${step}`)),
      },
    }),
  });
}

/** The middle of the run; later where k still falls, but not after the last step. */
function thresholdStart({ steps, annealing }: TrainingSettings): number {
  return Math.min(steps - 1, Math.max(Math.floor(steps / 2), annealing?.steps ?? 0));
}

/** The first activations of the training: as many as the start needs. */
function sample(batches: RowBatches, settings: TrainingSettings, width: number): Float32Array {
  const rows = Math.min(SAMPLE_ROWS, settings.batch);
  const wanted = width * (settings.initialisation === 'data' ? Math.max(rows, settings.features) : rows);
  const sample_ND = new Float32Array(wanted);
  for (let step = 0, at = 0; at < wanted; step++) {
    const batch_BD = batches.batch(step).subarray(0, wanted - at);
    sample_ND.set(batch_BD, at);
    at += batch_BD.length;
  }
  return sample_ND;
}

/** All rows but the last share, cut between two texts; and which texts those are. */
function trainingPart(
  { index, origins }: Activations,
  heldOut: number,
): { rows: number; texts: TextSelection } {
  let rows = Math.floor(index.rows * (1 - heldOut));
  // A text has at most so many rows, a triple three: no more of them are looked at.
  const start = Math.max(0, rows - Math.max(3, index.source.maxLength));
  const { text } = origins(start, Math.min(index.rows, rows + 1));
  while (rows > start && text[rows - start] === text[rows - start - 1]) rows--;
  if (rows === 0) {
    throw new ComputeError(
      'bad-data',
      `${index.rows} activations of one text cannot be split into two parts`,
      {
        hint: 'capture more texts, or lower `held-out`',
      },
    );
  }
  const { source } = index;
  if (source.type !== 'texts') return { rows, texts: { total: 0, visited: 0, shuffle: null } };
  return {
    rows,
    texts: { ...source.texts, visited: visitingOrder(source.texts).indexOf(text[rows - start] as number) },
  };
}

function configOf(
  params: SaeTrainParameters,
  { activations: { index, site }, width, config }: DictionaryData,
  settings: TrainingSettings,
  scales: Scales,
): Omit<DictionaryConfig, 'activation' | 'subtractsDecoderBias' | 'threshold' | 'texts'> {
  const { source } = index;
  return {
    variant: settings.variant,
    layer: params.layer,
    site,
    width,
    features: settings.features,
    trainingScale: scales.read,
    ...config,
    model: index.model,
    data: source.data,
    skippedPositions: source.type === 'texts' ? source.skippedPositions : 0,
    maxLength: source.maxLength,
    training: { protocol: params.protocol, ...settings },
  };
}

function measureDictionary(
  dictionary: Dictionary,
  data: DictionaryData,
  trainingRows: number,
): Record<string, Metric> {
  const { rows } = data.activations.index;
  const source = data.source({ read: 1, target: 1 });
  const lastRows = (from: number): Parameters<typeof ofRows> => {
    const together = source.rows(Math.max(from, rows - MEASURED_ROWS), rows);
    if (data.targetWidth === null) return [together];
    const parts = partsOf(together, data);
    const [acts_ND, target_NE] = parts.map((part) => part?.dataSync() as Float32Array);
    tensorflow().dispose(parts.filter((part) => part !== undefined));
    return [acts_ND as Float32Array, target_NE as Float32Array];
  };
  const ofRows = (acts_ND: Float32Array, target_NE = acts_ND) =>
    measure(dictionary, acts_ND, undefined, target_NE);
  const heldOut = ofRows(...lastRows(trainingRows));
  const [acts_ND] = lastRows(0);
  const firings = countFirings(dictionary, acts_ND);
  const m = totalMoments(heldOut.moments);
  const of = (value: number): Metric => ({ value, n: m.rows, n_unit: 'activation' });
  return {
    l0: of(l0(m)),
    fvu: of(fractionUnexplained(m)),
    fve: of(fractionExplained(m)),
    mse: of(meanSquaredError(m)),
    dead_fraction: { value: deadFraction(firings), n: firings.rows, n_unit: 'activation' },
    ...(data.config.pair?.reads === 'both' && ownersOf(dictionary, firings)),
  };
}

/** Which models' features those are that fire, by what a crosscoder writes in each. */
function ownersOf({ decoder_FD, features }: Dictionary, { counts_F }: Firings): Record<string, Metric> {
  const all = relativeNormDifferences(decoder_FD.dataSync() as Float32Array, features);
  const alive = all.filter((_, f) => counts_F[f]! > 0);
  const named = Object.entries(modelShares(alive)).map(([name, value]): [string, Metric] => [
    `${name}_fraction`,
    { value, n: alive.length, n_unit: 'feature' },
  ]);
  return Object.fromEntries(named);
}
