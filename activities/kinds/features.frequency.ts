import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { openActivations } from '../../ml/activations/read.ts';
import { ComputeError } from '../../ml/failure.ts';
import type { FeatureSets } from '../../ml/features/ablation.ts';
import { type Firing, type Frequencies, frequencies, highestWithin } from '../../ml/features/frequency.ts';
import { matchedRandom } from '../../ml/features/matched.ts';
import type { Matrix } from '../../ml/probes/algebra/matrix.ts';
import { byLayer, dictionaryFeatures } from '../../ml/probes/features.ts';
import { rescalePredictions } from '../../ml/probes/rescale.ts';
import { captureRow } from '../../ml/probes/rows.ts';
import type { Fit, ProbeFile } from '../../ml/probes/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import type { FeaturesFrequencyParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import { readFeatureSet } from '../feature-set.ts';
import { drawnFeatures, relatedFeatures } from '../interventions.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesFrequencyParameters;
  const probe = JSON.parse(await readFile(join(params.probe.directory, 'probe.json'), 'utf8')) as ProbeFile;
  const set = await readFeatureSet(params.features.directory);
  const digests = new Map(
    params.dictionaries.map(({ directory, digest }) => [loadDictionary(directory), digest]),
  );
  const dictionaries = byLayer([...digests.keys()]);
  const activations = openActivations(params.activations.directory, dictionaries[0]?.site);
  const { source } = activations.index;
  if (source.type !== 'triples' || source.data !== probe.triples)
    throw new ComputeError('bad-parameter', 'The activations were not captured at the triples of the probe', {
      hint: 'give `activations` the step that the probe was fitted to',
    });
  const high = highPoints(probe, params);
  const points = high.filter(Boolean).length;
  const related = relatedFeatures(set, digests);
  const flagged = [...related.values()].reduce((sum, chosen) => sum + chosen.length, 0);
  const counts = {
    points_high: { value: points, n: high.length, n_unit: 'point' },
    features_flagged: { value: flagged },
  };
  const artifact = job.artifact('table', 'table');
  if (flagged === 0 || points === 0) {
    const why =
      flagged === 0 ? 'No feature was judged related to the task' : 'The probe scores no point high';
    const table = { ...EMPTY, caption: `${why}, so there is nothing to count.` };
    await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
    return { outputs: { table: artifact }, metrics: counts };
  }

  const codes = dictionaryFeatures(activations, dictionaries);
  const rows = probe.rows.triple.map((triple, i) =>
    captureRow(triple, probe.rows.member[i] as 'positive' | 'negative'),
  );
  const draws = Array.from({ length: params['random-draws'] }, (_, draw) => {
    const random = stream(job.seed, `features.frequency.matched.${draw}`);
    return drawnFeatures(matchedRandom, related, set, digests, random);
  });
  const share = (sets: FeatureSets) => activeShare(codes, rows, columnsOf(sets, dictionaries));
  const firing: Firing = {
    flagged: share(related),
    all: activeShare(
      codes,
      rows,
      Array.from({ length: codes.columns }, (_, column) => column),
    ),
    matched: draws.map((sets, i) => {
      job.progress(i + 1, draws.length);
      return share(sets);
    }),
  };
  for (const dictionary of dictionaries) dictionary.dispose();

  const found = frequencies(firing, high, probe.rows.word, stream(job.seed, 'features.frequency.bootstrap'));
  await writeFile(
    join(artifact.directory, 'table.json'),
    `${JSON.stringify(frequencyTable(found, params, points, flagged))}\n`,
  );
  const defined = Object.entries(found).filter(([, { value }]) => Number.isFinite(value));
  return { outputs: { table: artifact }, metrics: { ...Object.fromEntries(defined), ...counts } };
};

/** Of each point of the probe, whether it is high. */
function highPoints(probe: ProbeFile, params: FeaturesFrequencyParameters): boolean[] {
  const { protocol } = params;
  if (probe.protocol !== protocol || (protocol === 'faithful' && probe.method !== 'ridge'))
    throw new ComputeError(
      'bad-parameter',
      `The probe is a ${probe.protocol} ${probe.method}, which does not fit \`protocol: ${protocol}\``,
      {
        hint:
          protocol === 'faithful'
            ? 'give a probe with `method: ridge` and `protocol: faithful`'
            : 'give a probe with `protocol: corrected`, or set `protocol: faithful`',
      },
    );
  const { predictions } = probe.fits.find(({ control }) => control === 'none') as Fit;
  if (protocol === 'faithful')
    return Array.from(rescalePredictions(predictions), (prediction) => prediction >= params.threshold);
  return highestWithin(predictions, probe.rows.fold, params.share);
}

/** Columns of the dictionaries' features side by side. */
function columnsOf(sets: FeatureSets, dictionaries: readonly Dictionary[]): number[] {
  let start = 0;
  return dictionaries.flatMap((dictionary) => {
    const columns = (sets.get(dictionary) ?? []).map((feature) => start + feature);
    start += dictionary.features;
    return columns;
  });
}

/** Of each of the rows, the share of the columns that are above 0. */
function activeShare(
  { data, columns }: Matrix,
  rows: readonly number[],
  chosen: readonly number[],
): Float64Array {
  return Float64Array.from(rows, (row) => {
    let active = 0;
    for (const column of chosen) if ((data[row * columns + column] as number) > 0) active++;
    return active / chosen.length;
  });
}

const EMPTY: Table = {
  id: 'frequency',
  title: 'How often features fire where the probe reads reward',
  caption: '',
  columns: [{ key: 'quantity', label: 'quantity' }],
  rows: [],
};

function frequencyTable(
  found: Frequencies,
  params: FeaturesFrequencyParameters,
  points: number,
  flagged: number,
): Table {
  const faithful = params.protocol === 'faithful';
  const high = faithful
    ? `points whose prediction, stretched to the lexicon's range, reaches ${params.threshold}`
    : `the ${100 * params.share} % of points that the probe ranks highest within each fold`;
  const row = (quantity: string, { value, ci_low, ci_high, n, p_value }: Estimate) => ({
    quantity,
    value: Number.isFinite(value) ? value : null,
    low: ci_low ?? null,
    high: ci_high ?? null,
    p: p_value ?? null,
    n,
  });
  return {
    id: faithful ? 'frequency-published' : 'frequency',
    title: `${EMPTY.title}${faithful ? ', as published' : ''}`,
    caption: `High are ${high}: ${points} points. ${flagged} features were judged related. The control: other features that are active as often on ordinary text, ${params['random-draws']} draws.`,
    columns: [
      { key: 'quantity', label: 'quantity' },
      {
        key: 'value',
        label: 'value',
        format: 'number',
        interval: ['low', 'high'],
        definition: '95 % bootstrap interval over words.',
      },
      {
        key: 'p',
        label: 'p',
        format: 'p-value',
        definition: 'Share of the draws that are active at least as often at high points.',
      },
      { key: 'n', label: 'words', format: 'integer' },
    ],
    rows: [
      row('related features active, high points', found.rate_flagged),
      row('all features active, high points', found.rate_all),
      row('related / all, as published', found.ratio_all),
      row('related features active, other points', found.rate_flagged_low),
      row('features of like density active, high points', found.rate_matched),
      row('related / like density', found.ratio_matched),
      row('preference for high points, related / like density', found.selectivity),
    ],
  };
}
