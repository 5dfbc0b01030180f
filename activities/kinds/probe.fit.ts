import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ActivityBody, MaterialisedArtifact } from '../../compute/types.ts';
import { type Activations, openActivations } from '../../ml/activations/read.ts';
import { ComputeError } from '../../ml/failure.ts';
import { writeSafetensorsFile } from '../../ml/models/safetensors-file.ts';
import type { Matrix } from '../../ml/probes/algebra/matrix.ts';
import { byLayer, dictionaryFeatures, rawFeatures } from '../../ml/probes/features.ts';
import { fitCorrected } from '../../ml/probes/fit-corrected.ts';
import { fitFaithful } from '../../ml/probes/fit-faithful.ts';
import type { LinearProbe } from '../../ml/probes/linear-probe.ts';
import { readWords, signAccuracyOf, tauOf } from '../../ml/probes/reading.ts';
import { probeRows } from '../../ml/probes/rows.ts';
import type { Control, Fit, ProbeFile, Representation } from '../../ml/probes/types.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { parseTriples, TRIPLES_FILE } from '../../ml/triples/format.ts';
import type { ProbeFitParameters } from '../../schemas/generated/parameters.ts';
import type { Metric } from '../../store/types.ts';
import { openLexicon } from '../feedback.ts';

/** As many as cost about as much as the rest of the fit. */
const SHUFFLES = { ridge: { corrected: 100, faithful: 10 }, logistic: { corrected: 20, faithful: 3 } };

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ProbeFitParameters;
  const { role, method, protocol } = params;
  const lexicon = await openLexicon(params.feedback);
  const file = join(params.triples.directory, TRIPLES_FILE);
  const triples = parseTriples(await readFile(file, 'utf8'), file);
  const rows = probeRows(triples, lexicon);
  const activations = openActivations(params.activations.directory);
  requireTriples(activations, params.triples);
  const loaded = new Map((params.dictionaries ?? []).map((of) => [loadDictionary(of.directory), of]));
  const dictionaries = byLayer([...loaded.keys()]);
  const layers =
    dictionaries.length > 0
      ? dictionaries.map(({ layer }) => layer)
      : activations.index.layers.map(({ layer }) => layer).sort((a, b) => a - b);

  const shuffles = params.shuffles ?? SHUFFLES[method][protocol];
  const representations: Representation[] = dictionaries.length > 0 ? ['sae', 'raw'] : ['raw'];
  const plan = representations.flatMap(
    (representation): { representation: Representation; control: Control }[] =>
      protocol === 'faithful' && method === 'ridge'
        ? [
            { representation, control: 'none' },
            { representation, control: 'untrained' },
          ]
        : [{ representation, control: 'none' }],
  );
  const total = representations.length * (shuffles + 1);
  const fits: (Fit & { probe: LinearProbe })[] = [];
  const inputs = new Map<Representation, Matrix>();
  for (const [index, { representation, control }] of plan.entries()) {
    let features = inputs.get(representation);
    if (!features) {
      features =
        representation === 'sae'
          ? dictionaryFeatures(activations, dictionaries)
          : rawFeatures(activations, layers);
      inputs.clear();
      inputs.set(representation, features);
    }
    const before = representations.indexOf(representation) * (shuffles + 1);
    const onShuffle = (done: number) => {
      if (control === 'none') job.progress(before + done, total);
    };
    // Lets messages out: what follows computes without a pause.
    await setImmediate();
    const common = { method, seed: job.seed, shuffles, onShuffle };
    const fit =
      protocol === 'corrected'
        ? fitCorrected(features, rows, common)
        : fitFaithful(features, rows, { ...common, control, name: representation });
    fits.push({ representation, control, features: features.columns, ...fit });
    job.progress(before + shuffles + 1, total);
    job.log(`${index + 1} of ${plan.length} fitted: ${representation}, control ${control}`);
  }
  for (const dictionary of dictionaries) dictionary.dispose();

  const read = protocol === 'corrected' ? rows : rows.filter(({ split }) => split === 'test');
  const document: ProbeFile = {
    format: 1,
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
  const chance = main.shuffled.tau.filter(Number.isFinite);
  if (chance.length > 0) {
    const mean = chance.reduce((sum, tau) => sum + tau, 0) / chance.length;
    metrics.tau_shuffled = { value: mean, n: chance.length, n_unit: 'permutation' };
  }
  // A probe that says the same of all words has no tau.
  return Object.fromEntries(Object.entries(metrics).filter(([, { value }]) => Number.isFinite(value)));
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
