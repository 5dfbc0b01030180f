import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job } from '../../compute/types.ts';
import { captureItems } from '../../ml/activations/capture.ts';
import { textItem } from '../../ml/activations/items.ts';
import { visitingOrder } from '../../ml/activations/order.ts';
import { type CaptureItem, rowsOf } from '../../ml/activations/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { estimateLosses, estimateMoments } from '../../ml/sae/estimates.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { measure } from '../../ml/sae/measure.ts';
import { deadFraction, type Firings, rareFraction } from '../../ml/sae/metrics/dead-fraction.ts';
import { type DensityHistogram, densityHistogram } from '../../ml/sae/metrics/density.ts';
import { totalMoments } from '../../ml/sae/metrics/moments.ts';
import { splicedLosses } from '../../ml/sae/splice.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { SaeEvaluateParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Json } from '../../store/types.ts';
import { readTexts } from '../texts.ts';

/** Features that fire less often than so are called rare. */
const RARE = 1e-3;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as SaeEvaluateParameters;
  const dictionary = loadDictionary(params.dictionary.directory);
  const model = await loadModel(params.model.directory);
  const tokenizer = loadTokenizer(params.model.directory);
  checkModel(dictionary, model, params);
  const items = await chooseTexts(params, dictionary, model, tokenizer, job);

  const { layer, site, width } = dictionary;
  const { batch } = params;
  const padId = tokenizer.padId;
  const acts_ND = captureItems(items, { model, layers: [layer], site, batch, padId }).get(
    layer,
  ) as Float32Array;
  const owner = items.flatMap((item, i) => new Array<number>(rowsOf(item)).fill(i));
  const { moments, firings } = measure(dictionary, acts_ND, owner);
  const total = totalMoments(moments);
  const mean_D = Float32Array.from(total.sum_D, (sum) => sum / total.rows);

  const losses = [];
  for (let from = 0; from < items.length; from += batch) {
    const group = items.slice(from, from + batch);
    losses.push(...splicedLosses(group, { model, dictionary, mean_D, batch, padId }));
    job.progress(from + group.length, items.length);
  }
  model.dispose();
  dictionary.dispose();

  const density = densityHistogram(firings);
  const table = job.artifact('table', 'density');
  await writeFile(
    join(table.directory, 'table.json'),
    `${JSON.stringify(densityTable(density, firings, items.length))}\n`,
  );
  const window = { n: firings.rows, n_unit: 'position' };
  return {
    outputs: { table, density: { positions: firings.rows, width, ...density } as unknown as Json },
    metrics: {
      ...estimateMoments(moments, stream(job.seed, 'sae.evaluate.moments')),
      ...estimateLosses(losses, stream(job.seed, 'sae.evaluate.losses')),
      dead_fraction: { value: deadFraction(firings), ...window },
      rare_fraction: { value: rareFraction(firings, RARE), ...window },
    },
  };
};

function checkModel(dictionary: Dictionary, model: LanguageModel, params: SaeEvaluateParameters): void {
  if (dictionary.width === model.width && dictionary.layer < model.layers) return;
  throw new ComputeError(
    'bad-parameter',
    `The dictionary reads layer ${dictionary.layer} of width ${dictionary.width}; ${params.model.from ?? 'the model'} has ${model.layers} layers of width ${model.width}`,
    { hint: 'give the model whose activations the dictionary was trained on' },
  );
}

/** Texts that training did not see, in random order; nor any that reads the same as one that it saw. */
async function chooseTexts(
  params: SaeEvaluateParameters,
  { config }: Dictionary,
  model: LanguageModel,
  tokenizer: Tokenizer,
  job: Job,
): Promise<CaptureItem[]> {
  const texts = await readTexts(params.data.directory);
  const sameData = config.data === params.data.digest;
  const order = sameData
    ? visitingOrder(config.texts)
    : stream(job.seed, 'sae.evaluate.texts').permutation(texts.length);
  const visited = sameData ? config.texts.visited : 0;
  const seen = new Set(Array.from(order.subarray(0, visited), (text) => texts[text]));
  const maxLength = Math.min(params['max-length'] ?? config.maxLength, model.maxPositions);
  const items: CaptureItem[] = [];
  for (const text of order.subarray(visited)) {
    if (items.length === params.texts) break;
    const content = texts[text] as string;
    if (seen.has(content)) continue;
    const item = textItem(content, text, tokenizer, { maxLength, skipped: config.skippedPositions });
    if (item && item.to - item.from >= 2) items.push(item);
  }
  if (items.length < 2) {
    throw new ComputeError(
      'bad-data',
      `Only ${items.length} of ${texts.length} texts are new to the dictionary`,
      {
        hint: 'give other texts as `data`, or capture fewer `tokens` for training',
      },
    );
  }
  if (!sameData)
    job.log('The texts are not those that the dictionary was trained on: all of them count as unseen.');
  return items;
}

function densityTable({ edges, counts }: DensityHistogram, firings: Firings, texts: number): Table {
  const features = firings.counts_F.length;
  const rows = counts.flatMap((count, i) =>
    count === 0
      ? []
      : [{ from: edges[i] as number, to: edges[i + 1] as number, count, share: count / features }],
  );
  return {
    id: 'feature-density',
    title: 'How often features fire',
    caption: `The ${features} features by the share of ${firings.rows} positions (${texts} texts that training did not see) at which they are above 0, on a scale of log10(share + 1e-10). The lowest bin holds features that never fire.`,
    columns: [
      { key: 'from', label: 'log10 share, from', format: 'number' },
      { key: 'to', label: 'to', format: 'number' },
      { key: 'count', label: 'features', format: 'integer' },
      { key: 'share', label: 'of all features', format: 'percent' },
    ],
    rows,
  };
}
