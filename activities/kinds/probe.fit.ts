import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ActivityBody, MaterialisedArtifact } from '../../compute/types.ts';
import { type Activations, openActivations } from '../../ml/activations/read.ts';
import { ComputeError } from '../../ml/failure.ts';
import { writeSafetensorsFile } from '../../ml/models/safetensors-file.ts';
import { byLayer } from '../../ml/probes/features.ts';
import { fitCorrected } from '../../ml/probes/fit-corrected.ts';
import { fitFaithful } from '../../ml/probes/fit-faithful.ts';
import { inputsOf } from '../../ml/probes/inputs.ts';
import { learnerOf } from '../../ml/probes/learners/choose.ts';
import type { LinearProbe } from '../../ml/probes/linear-probe.ts';
import { readWords, signAccuracyOf, tauOf } from '../../ml/probes/reading.ts';
import { probeRows } from '../../ml/probes/rows.ts';
import {
  type Control,
  type Fit,
  type Method,
  type ProbeFile,
  type Protocol,
  REPRESENTATIONS,
  type Representation,
} from '../../ml/probes/types.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { parseTriples, TRIPLES_FILE } from '../../ml/triples/format.ts';
import type { ProbeFitParameters } from '../../schemas/generated/parameters.ts';
import type { Metric } from '../../store/types.ts';
import { openLexicon } from '../feedback.ts';

/** As many as cost about as much as the rest of the fit; where many are cheap, enough for a p-value that Holm's method keeps. */
const SHUFFLES: Record<Method, Record<Protocol, number>> = {
  ridge: { corrected: 200, faithful: 10 },
  lasso: { corrected: 20, faithful: 10 },
  'elastic-net': { corrected: 20, faithful: 10 },
  logistic: { corrected: 200, faithful: 3 },
  'logistic-l1': { corrected: 20, faithful: 3 },
};
const CONTROL_TASKS = 3;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ProbeFitParameters;
  const { role, method, protocol, controls } = params;
  const lexicon = await openLexicon(params.feedback);
  const file = join(params.triples.directory, TRIPLES_FILE);
  const triples = parseTriples(await readFile(file, 'utf8'), file);
  const rows = probeRows(triples, lexicon);
  const loaded = new Map(
    (params.dictionaries ?? []).map((of) => [loadDictionary(of.directory, ['transcoder']), of]),
  );
  const dictionaries = byLayer([...loaded.keys()]);
  const activations = openActivations(params.activations.directory, params.site ?? dictionaries[0]?.site);
  requireTriples(activations, params.triples);
  const layers = dictionaries.length > 0 ? dictionaries.map(({ layer }) => layer) : [...activations.layers];
  const layer0 = openLayer0(params.activations.directory, activations);

  const representations = representationsOf(params, layer0 !== null);
  if (controls.includes('layer-0') && !layer0) {
    job.log('What enters layer 0 was not captured: there is no layer-0 control.');
  }
  const shuffles = params.shuffles ?? SHUFFLES[method][protocol];
  const learner = learnerOf(method, params['l1-ratio']);
  const total = representations.length * (shuffles + 1);
  const fits: (Fit & { probe: LinearProbe })[] = [];
  for (const [index, representation] of representations.entries()) {
    const features = inputsOf(representation, {
      ...{ activations, layers, dictionaries, triples, layer0 },
      components: params.components,
    });
    const before = index * (shuffles + 1);
    const read: Control[] = ['none'];
    if (UNTRAINED.includes(representation) && controls.includes('untrained')) read.push('untrained');
    for (const control of read) {
      // Lets messages out: what follows computes without a pause.
      await setImmediate();
      const onShuffle = (done: number) => {
        if (control === 'none') job.progress(before + done, total);
      };
      const common = { method, learner, control, seed: job.seed, shuffles, name: representation, onShuffle };
      const controlTasks = controls.includes('control-task') ? CONTROL_TASKS : 0;
      const fit =
        protocol === 'corrected'
          ? fitCorrected(features, rows, { ...common, controlTasks })
          : fitFaithful(features, rows, common);
      fits.push({ representation, control, features: features.columns, ...fit });
    }
    job.progress(before + shuffles + 1, total);
    job.log(`${index + 1} of ${representations.length} fitted: ${representation}`);
  }
  for (const dictionary of dictionaries) dictionary.dispose();

  const read = protocol === 'corrected' ? rows : rows.filter(({ split }) => split === 'test');
  const document: ProbeFile = {
    format: 3,
    role,
    method,
    protocol,
    seed: job.seed,
    model: activations.index.model,
    triples: params.triples.digest,
    dictionaries: dictionaries.map((dictionary) => ({
      digest: (loaded.get(dictionary) as MaterialisedArtifact).digest,
      layer: dictionary.layer,
      variant: dictionary.variant,
      features: dictionary.features,
    })),
    layers,
    feedback: lexicon.name,
    rows: {
      triple: read.map(({ triple }) => triple),
      member: read.map(({ member }) => member),
      word: read.map(({ word }) => word),
      value: read.map(({ value }) => value),
      fold: read.map(({ fold }) => fold),
    },
    fits: fits.map(({ probe: _, ...fit }) => fit),
  };
  const artifact = job.artifact('probe', 'probe');
  await writeFile(join(artifact.directory, 'probe.json'), `${JSON.stringify(document)}\n`);
  writeSafetensorsFile(join(artifact.directory, 'probe.safetensors'), weights(fits), {});
  return { outputs: { probe: artifact }, metrics: metricsOf(document) };
};

/** The probes fitted to everything they may be fitted to: `coefficients.<inputs>` [F] and `intercept.<inputs>` [1]. */
function weights(fits: readonly (Fit & { probe: LinearProbe })[]) {
  return Object.fromEntries(
    fits
      .filter(({ control }) => control === 'none')
      .flatMap(({ representation, probe: { coefficients, intercept } }) => [
        tensor(`coefficients.${representation}`, Float32Array.from(coefficients)),
        tensor(`intercept.${representation}`, Float32Array.of(intercept)),
      ]),
  );
}

const tensor = (name: string, data: Float32Array) =>
  [name, { dtype: 'F32' as const, shape: [data.length], data }] as const;

function metricsOf(document: ProbeFile): Record<string, Metric> {
  const readingOf = (fit: Fit) => readWords(document.rows, fit.predictions, document);
  const [main] = document.fits as [Fit];
  const raw = document.fits.find(
    ({ representation, control }) => representation === 'raw' && control === 'none',
  );
  const reading = readingOf(main);
  const words = { n: reading.words.length, n_unit: 'word' };
  const metrics: Record<string, Metric> = {
    tau: { value: tauOf(reading), ...words },
    sign_accuracy: { value: signAccuracyOf(reading), ...words },
    words: { value: reading.words.length },
  };
  if (raw) metrics.tau_raw = { value: tauOf(readingOf(raw)), ...words };
  const task = main.controlTask;
  if (task && task.control.tau.length > 0) {
    const { tau } = task.control;
    const mean = tau.reduce((sum, value) => sum + value, 0) / tau.length;
    metrics.selectivity = { value: task.truth.tau - mean, n: tau.length, n_unit: 'control task' };
  }
  const chance = main.shuffled.tau.filter(Number.isFinite);
  if (chance.length > 0) {
    const mean = chance.reduce((sum, tau) => sum + tau, 0) / chance.length;
    metrics.tau_shuffled = { value: mean, n: chance.length, n_unit: 'permutation' };
  }
  // A probe that says the same of all words has no tau.
  return Object.fromEntries(Object.entries(metrics).filter(([, { value }]) => Number.isFinite(value)));
}

/** Random weights over these are a control; over the inputs of a baseline they would control a control. */
const UNTRAINED: readonly Representation[] = ['sae', 'raw'];

const REPRESENTATION_OF = {
  features: 'sae',
  activations: 'raw',
  pca: 'pca',
  'bag-of-words': 'bag-of-words',
  'tf-idf': 'tf-idf',
  length: 'length',
} as const;

/** What was asked for, dictionary features before activations, and layer 0 beside it. */
function representationsOf(params: ProbeFitParameters, hasLayer0: boolean): Representation[] {
  const withDictionaries = (params.dictionaries ?? []).length > 0;
  const asked = params.inputs ?? (withDictionaries ? ['features', 'activations'] : ['activations']);
  if (asked.includes('features') && !withDictionaries) {
    throw new ComputeError('bad-parameter', '`inputs` names features, but there are no dictionaries', {
      hint: 'give `dictionaries`, or leave `features` out of `inputs`',
    });
  }
  const wanted = new Set<Representation>(asked.map((input) => REPRESENTATION_OF[input]));
  if (hasLayer0 && params.controls.includes('layer-0')) wanted.add('layer-0');
  return REPRESENTATIONS.filter((representation) => wanted.has(representation));
}

function openLayer0(directory: string, { index }: Activations): Activations | null {
  const captured = index.captures.some(({ site, layer }) => site === 'block_in' && layer === 0);
  return captured ? openActivations(directory, 'block_in') : null;
}

function requireTriples({ index }: Activations, triples: MaterialisedArtifact): void {
  if (index.source.type === 'triples' && index.source.data === triples.digest) return;
  throw new ComputeError(
    'bad-parameter',
    'The activations were not captured at the target words of these triples',
    {
      hint: 'give `activations` the activations.capture step that was given these `triples`',
    },
  );
}
