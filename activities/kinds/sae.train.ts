import type { ActivityBody, LoopState } from '../../compute/types.ts';
import { RowBatches } from '../../ml/activations/batches.ts';
import { visitingOrder } from '../../ml/activations/order.ts';
import { type Activations, openActivations } from '../../ml/activations/read.ts';
import type { TextSelection } from '../../ml/activations/types.ts';
import { tensorflow } from '../../ml/engine/engine.ts';
import { ComputeError } from '../../ml/failure.ts';
import { trapezoidSchedule } from '../../ml/optimisers/schedules/trapezoid.ts';
import { warmup } from '../../ml/optimisers/schedules/warmup.ts';
import { stream } from '../../ml/random/stream.ts';
import { createDictionary, type Dictionary, type DictionaryConfig } from '../../ml/sae/dictionary.ts';
import { measure } from '../../ml/sae/measure.ts';
import { deadFraction } from '../../ml/sae/metrics/dead-fraction.ts';
import { l0 } from '../../ml/sae/metrics/l0.ts';
import { totalMoments } from '../../ml/sae/metrics/moments.ts';
import { meanSquaredError } from '../../ml/sae/metrics/mse.ts';
import { fractionExplained, fractionUnexplained } from '../../ml/sae/metrics/variance-explained.ts';
import { saveDictionary, unscaled } from '../../ml/sae/save.ts';
import { resolveSettings, type TrainingSettings } from '../../ml/sae/settings.ts';
import { Trainer, type TrainerState } from '../../ml/sae/trainer.ts';
import { createAutoencoder } from '../../ml/sae/variants.ts';
import type { SaeTrainParameters } from '../../schemas/generated/parameters.ts';
import type { Json, Metric } from '../../store/types.ts';
import { trainingLoop } from '../training-state.ts';

/** Activations that the starting bias is taken from. */
const SAMPLE_ROWS = 1024;
/** Rows measured on, at most. For dead features: one that fires once in 10,000 positions is rarely missed. */
const MEASURED_ROWS = 100_000;
/** The running threshold: dictionary_learning's decay, from the middle of the run on. */
const THRESHOLD_BETA = 0.999;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as SaeTrainParameters;
  const activations = openActivations(params.activations.directory);
  const { scale: unitScale } = activations.layer(params.layer);
  const { rows: trainingRows, texts } = trainingPart(activations, params['held-out']);
  const settings = settingsOf(params, activations.index.width, trainingRows);
  const scale = settings.normalise === 'none' ? 1 : unitScale;
  const shuffle = settings.shuffle ? { seed: job.seed, name: 'sae.rows' } : null;
  const { layer } = params;
  const batches = new RowBatches(activations, {
    layer,
    rows: trainingRows,
    batch: settings.batch,
    scale,
    shuffle,
  });
  const trainer = createTrainer(settings, activations, batches, job.seed);

  const { width } = activations.index;
  const tf = tensorflow();
  const state = await trainingLoop(job, {
    total: settings.steps,
    save: () => ({ tensors: trainer.state().tensors, json: trainer.state().json as unknown as Json }),
    load: (state: LoopState) => trainer.load(state as unknown as TrainerState),
    step(i) {
      const acts_BD = tf.tensor2d(batches.batch(i), [settings.batch, width]);
      const losses = trainer.step(i, acts_BD);
      acts_BD.dispose();
      return losses;
    },
  });

  const config: DictionaryConfig = {
    ...configOf(params, activations, settings, scale),
    activation: trainer.autoencoder.activation,
    subtractsDecoderBias: trainer.autoencoder.subtractsDecoderBias,
    threshold: trainer.threshold === null ? null : trainer.threshold / scale,
    texts,
  };
  const weights = unscaled(trainer.autoencoder.inferenceWeights(), width, settings.features, scale);
  trainer.dispose();
  const artifact = job.artifact('sae', 'sae');
  saveDictionary(artifact.directory, config, weights);
  const dictionary = createDictionary(config, weights);
  const metrics = measureDictionary(dictionary, activations, trainingRows);
  dictionary.dispose();
  return { outputs: { sae: artifact, ...state }, metrics };
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
      auxiliary: { ...auxiliary, deadAfter: auxiliary['dead-after'] },
    },
    width,
    rows,
  );
  if (variant === 'topk' && settings.k > settings.features) {
    throw new ComputeError(
      'bad-parameter',
      `k is ${settings.k}, but there are only ${settings.features} features`,
      {
        hint: 'lower `k`, or raise `expansion`',
      },
    );
  }
  return settings;
}

function createTrainer(
  settings: TrainingSettings,
  activations: Activations,
  batches: RowBatches,
  seed: number,
): Trainer {
  const { steps, warmUp, decay, sparsityWarmUp } = settings;
  const { width } = activations.index;
  const autoencoder = createAutoencoder(settings.variant, {
    ...settings,
    width,
    stream: stream(seed, 'sae.weights'),
    sample_ND: batches.batch(0).subarray(0, SAMPLE_ROWS * width),
  });
  return new Trainer(autoencoder, {
    learningRate: settings.learningRate,
    schedule: trapezoidSchedule({ total: steps, warmup: warmUp, decayStart: steps - decay }),
    sparsity: warmup(sparsityWarmUp, () => 1),
    maxGradientNorm: settings.maxGradientNorm,
    deadAfter: settings.deadAfter,
    threshold: { beta: THRESHOLD_BETA, from: Math.floor(steps / 2) },
  });
}

/** All rows but the last share, cut between two texts; and which texts those are. */
function trainingPart(
  { index, origins }: Activations,
  heldOut: number,
): { rows: number; texts: TextSelection } {
  const { text } = origins();
  let rows = Math.floor(text.length * (1 - heldOut));
  while (rows > 0 && text[rows] === text[rows - 1]) rows--;
  if (rows === 0) {
    throw new ComputeError(
      'bad-data',
      `${text.length} activations of one text cannot be split into two parts`,
      {
        hint: 'capture more texts, or lower `held-out`',
      },
    );
  }
  const { source } = index;
  if (source.type !== 'texts') return { rows, texts: { total: 0, visited: 0, shuffle: null } };
  return {
    rows,
    texts: { ...source.texts, visited: visitingOrder(source.texts).indexOf(text[rows] as number) },
  };
}

function configOf(
  params: SaeTrainParameters,
  { index }: Activations,
  settings: TrainingSettings,
  scale: number,
): Omit<DictionaryConfig, 'activation' | 'subtractsDecoderBias' | 'threshold' | 'texts'> {
  const { source } = index;
  return {
    variant: settings.variant,
    layer: params.layer,
    site: index.site,
    width: index.width,
    features: settings.features,
    trainingScale: scale,
    model: index.model,
    data: source.data,
    skippedPositions: source.type === 'texts' ? source.skippedPositions : 0,
    maxLength: source.maxLength,
    training: { protocol: params.protocol, ...settings },
  };
}

function measureDictionary(
  dictionary: Dictionary,
  activations: Activations,
  trainingRows: number,
): Record<string, Metric> {
  const { rows } = activations.index;
  const lastRows = (from: number) =>
    activations.rows(dictionary.layer, Math.max(from, rows - MEASURED_ROWS), rows);
  const heldOut = measure(dictionary, lastRows(trainingRows));
  const { firings } = measure(dictionary, lastRows(0));
  const m = totalMoments(heldOut.moments);
  const of = (value: number): Metric => ({ value, n: m.rows, n_unit: 'activation' });
  return {
    l0: of(l0(m)),
    fvu: of(fractionUnexplained(m)),
    fve: of(fractionExplained(m)),
    mse: of(meanSquaredError(m)),
    dead_fraction: { value: deadFraction(firings), n: firings.rows, n_unit: 'activation' },
  };
}
