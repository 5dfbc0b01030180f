import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job, LocalArtifact, MaterialisedArtifact } from '../../compute/types.ts';
import { textItem } from '../../ml/activations/items.ts';
import type { CaptureItem } from '../../ml/activations/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { compareActivity, type Reader } from '../../ml/sae/comparison/activity.ts';
import { compareDirections } from '../../ml/sae/comparison/directions.ts';
import { estimateComparison } from '../../ml/sae/comparison/estimates.ts';
import type { ComparedPair, MatchesFile } from '../../ml/sae/comparison/types.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { SaeCompareParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import { comparisonTables } from '../sae-comparison-tables.ts';
import { readTexts } from '../texts.ts';

/** Sees the dictionaries of all seeds, so it has no seed of its own. */
const SEED = 0;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as SaeCompareParameters;
  const artifacts = distinct([...params.dictionaries, ...(params.against ?? [])]);
  const dictionaries = artifacts.map(({ directory }) => loadDictionary(directory));
  const pairs = pairsOf(params, artifacts, dictionaries).map(([first, second], i, all): ComparedPair => {
    job.progress(i, all.length);
    return {
      first,
      second,
      ...compareDirections(dictionaries[first]!.decoder_FD, dictionaries[second]!.decoder_FD, {
        assign: params.assignment,
        stream: stream(SEED, `sae.compare.controls.${first}.${second}`),
      }),
    };
  });
  const activity = params.models ? await activityOf(params, artifacts, dictionaries, pairs, job) : null;
  const file: MatchesFile = {
    format: 1,
    threshold: params.threshold,
    texts: activity && { texts: activity.texts, positions: activity.positions },
    dictionaries: dictionaries.map(({ variant, layer, site, features }, d) => ({
      digest: artifacts[d]!.digest,
      from: artifacts[d]!.from ?? artifacts[d]!.digest.slice(0, 12),
      variant,
      layer,
      site,
      features,
      ...(activity && { density: Array.from(activity.counts[d]!, (count) => count / activity.positions) }),
    })),
    pairs,
  };
  for (const dictionary of dictionaries) dictionary.dispose();

  const matches = job.artifact('matches', 'matches');
  await writeFile(join(matches.directory, 'matches.json'), `${JSON.stringify(file)}\n`);
  const { pairs: table, partners, unpartnered } = comparisonTables(file, params.listed);
  return {
    outputs: {
      matches,
      table: await written(job, 'table', table),
      partners: await written(job, 'partners', partners),
      unpartnered: await written(job, 'unpartnered', unpartnered),
    },
    metrics: estimateComparison(file, stream(SEED, 'sae.compare.bootstrap')),
  };
};

async function written(job: Job, name: string, table: Table): Promise<LocalArtifact> {
  const artifact = job.artifact('table', name);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return artifact;
}

/** Each dictionary once, however often it is named. */
function distinct(artifacts: readonly MaterialisedArtifact[]): MaterialisedArtifact[] {
  return [...new Map(artifacts.map((artifact) => [artifact.digest, artifact])).values()];
}

/** The comparisons: indices of the first and the second dictionary. */
function pairsOf(
  params: SaeCompareParameters,
  artifacts: readonly MaterialisedArtifact[],
  dictionaries: readonly Dictionary[],
): [number, number][] {
  const indexOf = ({ digest }: { digest: string }) => artifacts.findIndex((each) => each.digest === digest);
  const own = distinct(params.dictionaries).map(indexOf);
  const all = params.against
    ? own.flatMap((a) => distinct(params.against!).map((b): [number, number] => [a, indexOf(b)]))
    : own.flatMap((a, i) => own.slice(i + 1).map((b): [number, number] => [a, b]));
  const name = (d: number) => artifacts[d]!.from ?? artifacts[d]!.digest.slice(0, 12);
  const pairs = all.filter(([a, b]) => {
    const [first, second] = [dictionaries[a]!, dictionaries[b]!];
    if (a === b || first.layer !== second.layer || first.site !== second.site) return false;
    if (first.width === second.width) return true;
    throw new ComputeError(
      'bad-parameter',
      `${name(a)} has directions of ${first.width} numbers, ${name(b)} of ${second.width}: they cannot be compared`,
      { hint: 'compare dictionaries of models of one size: `dictionaries`, `against`' },
    );
  });
  if (pairs.length > 0) return pairs;
  const found = dictionaries.map(({ layer, site }, d) => `${name(d)} (${site} of layer ${layer})`);
  throw new ComputeError(
    'bad-parameter',
    `No two of these dictionaries read the same place: ${found.join(', ')}`,
    { hint: 'give at least two different dictionaries of one layer: `dictionaries`, `against`' },
  );
}

async function activityOf(
  params: SaeCompareParameters,
  artifacts: readonly MaterialisedArtifact[],
  dictionaries: readonly Dictionary[],
  pairs: readonly ComparedPair[],
  job: Job,
): Promise<{ texts: number; positions: number; counts: Float64Array[] }> {
  if (!params.data) {
    throw new ComputeError('bad-parameter', 'Activations are compared on texts, and there are none', {
      hint: 'give `data`, or leave out `models`',
    });
  }
  const given = distinct(params.models!);
  const models = new Map<string, LanguageModel>();
  for (const { digest, directory } of given) models.set(digest, await loadModel(directory));
  const readers = dictionaries.map((dictionary, d): Reader => {
    // A dictionary that does not know its model reads the only one there is.
    const digest = given.length === 1 ? given[0]!.digest : dictionary.config.model;
    const model = models.get(digest);
    if (model && model.width === dictionary.width && dictionary.layer < model.layers)
      return { dictionary, model };
    throw new ComputeError(
      'bad-parameter',
      `None of the ${given.length} models is the one whose activations ${artifacts[d]!.from ?? artifacts[d]!.digest} reads`,
      { hint: 'name the model that each dictionary was trained on in `models`' },
    );
  });
  const items = await itemsOf(params, given, dictionaries, models);
  const { batch } = params;
  const padId = loadTokenizer(given[0]!.directory).padId;
  const activity = compareActivity(items, readers, pairs, {
    batch,
    padId,
    stream: stream(SEED, 'sae.compare.partners'),
    onBatch: (done) => job.progress(done, items.length),
  });
  for (const model of models.values()) model.dispose();
  return { texts: items.length, ...activity };
}

/** Texts in random order, cut alike for all models. */
async function itemsOf(
  params: SaeCompareParameters,
  given: readonly MaterialisedArtifact[],
  dictionaries: readonly Dictionary[],
  models: ReadonlyMap<string, LanguageModel>,
): Promise<CaptureItem[]> {
  const texts: string[] = [];
  for (const { directory } of distinct(params.data!)) texts.push(...(await readTexts(directory)));
  const tokenizers = given.map(({ directory }) => loadTokenizer(directory));
  const configs = dictionaries.map(({ config }) => config);
  const maxLength = Math.min(
    params['max-length'] ?? Math.min(...configs.map((config) => config.maxLength)),
    ...[...models.values()].map((model) => model.maxPositions),
  );
  const skipped = Math.max(...configs.map((config) => config.skippedPositions));
  const items: CaptureItem[] = [];
  for (const text of stream(SEED, 'sae.compare.texts').permutation(texts.length)) {
    if (items.length === params.texts) break;
    const item = itemOf(texts[text]!, text, tokenizers, { maxLength, skipped });
    if (item) items.push(item);
  }
  if (items.length > 0) return items;
  throw new ComputeError('bad-data', `None of the ${texts.length} texts has more than ${skipped} tokens`, {
    hint: 'give longer texts as `data`',
  });
}

function itemOf(
  content: string,
  text: number,
  tokenizers: readonly Tokenizer[],
  options: { maxLength: number; skipped: number },
): CaptureItem | null {
  const [first, ...others] = tokenizers.map((tokenizer) => textItem(content, text, tokenizer, options));
  if (others.some((other) => other?.ids.join() !== first?.ids.join())) {
    throw new ComputeError('bad-parameter', `The models cut text ${text + 1} into different tokens`, {
      hint: 'give `models` with the same tokenizer, or leave out `models` to compare directions only',
    });
  }
  return first ?? null;
}
