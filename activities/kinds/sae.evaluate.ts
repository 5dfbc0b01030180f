import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job, LocalArtifact } from '../../compute/types.ts';
import { captureItems } from '../../ml/activations/capture.ts';
import { type CaptureItem, rowsOf } from '../../ml/activations/types.ts';
import { tensorflow } from '../../ml/engine/engine.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { estimateLosses, estimateMoments } from '../../ml/sae/estimates.ts';
import { estimateFirings, totalFirings } from '../../ml/sae/firing-estimates.ts';
import { randomDirections } from '../../ml/sae/initial-weights.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { countFirings, measure } from '../../ml/sae/measure.ts';
import type { Firings } from '../../ml/sae/metrics/dead-fraction.ts';
import { maxCosineToOthers } from '../../ml/sae/metrics/decoder-similarity.ts';
import { densityHistogram } from '../../ml/sae/metrics/density.ts';
import { type Moments, totalMoments } from '../../ml/sae/metrics/moments.ts';
import { splicedLosses } from '../../ml/sae/splice.ts';
import { bootstrapMean } from '../../ml/stats/bootstrap.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { SaeEvaluateParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Json } from '../../store/types.ts';
import { WordProbing } from '../sae-evaluation/probing.ts';
import { densityTable, similarityTable } from '../sae-evaluation/tables.ts';
import { unseenTexts } from '../sae-evaluation/texts.ts';
import { readTexts } from '../texts.ts';

/** Texts read at a time: bounds the memory, and leaves out so many at a time for the intervals of shares of features. */
const PARTS = 40;
const LARGEST_PART = 64;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as SaeEvaluateParameters;
  const dictionary = loadDictionary(params.dictionary.directory, ['transcoder']);
  const model = await loadModel(params.model.directory);
  const tokenizer = loadTokenizer(params.model.directory);
  checkModel(dictionary, model, params);
  const texts = await readTexts(params.data.directory);
  const { measured, further } = unseenTexts(texts, params, dictionary, model, tokenizer, job);

  const { layer, site, width } = dictionary;
  const { batch } = params;
  const padId = tokenizer.padId;
  // What is read, and what is reconstructed.
  const places = [{ site, layer }, ...(dictionary.config.writes ? [dictionary.config.writes] : [])];
  const actsOf = (items: readonly CaptureItem[]) => {
    const captured = captureItems(items, { model, places, batch, padId }) as [Float32Array, Float32Array?];
    return { read_ND: captured[0], target_NE: captured[1] ?? captured[0] };
  };
  const probing = await WordProbing.open(params, measured, texts, tokenizer, width, job.seed);
  const moments: Moments[] = [];
  const firings: Firings[] = [];
  for (const { start, items } of partsOf(measured)) {
    const { read_ND, target_NE } = actsOf(items);
    const owner = items.flatMap((item, i) => new Array<number>(rowsOf(item)).fill(i));
    const found = measure(dictionary, read_ND, owner, target_NE);
    moments.push(...found.moments);
    firings.push(found.firings);
    probing?.add(start, items, read_ND);
    job.progress(start, measured.length);
  }
  for (const { start, items } of partsOf(further)) {
    firings.push(countFirings(dictionary, actsOf(items).read_ND));
    job.progress(start, further.length);
  }
  const total = totalMoments(moments);
  const mean_E = Float32Array.from(total.sum_D, (sum) => sum / total.rows);

  const losses = [];
  for (let from = 0; from < measured.length; from += batch) {
    const group = measured.slice(from, from + batch);
    losses.push(...splicedLosses(group, { model, dictionary, mean_E, batch, padId }));
    job.progress(from + group.length, measured.length);
  }
  model.dispose();

  const probed = probing?.estimates(dictionary, job);
  const similar = similarityOf(dictionary, job.seed);
  dictionary.dispose();
  const allFirings = totalFirings(firings);
  const density = densityHistogram(allFirings);
  return {
    outputs: {
      table: await written(
        job,
        'density',
        densityTable(density, allFirings, measured.length + further.length),
      ),
      similarity: await written(job, 'similarity', similarityTable(similar.cosines, similar.random)),
      density: { positions: allFirings.rows, width, ...density } as unknown as Json,
    },
    metrics: {
      ...estimateMoments(moments, stream(job.seed, 'sae.evaluate.moments')),
      ...estimateLosses(losses, stream(job.seed, 'sae.evaluate.losses')),
      ...estimateFirings(firings),
      ...similar.metrics,
      ...probed,
    },
  };
};

/** Equal parts, as many as the intervals need, none too large to hold. */
function partsOf(items: readonly CaptureItem[]): { start: number; items: CaptureItem[] }[] {
  const size = Math.min(LARGEST_PART, Math.max(1, Math.ceil(items.length / PARTS)));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) => ({
    start: part * size,
    items: items.slice(part * size, (part + 1) * size),
  }));
}

function similarityOf(dictionary: Dictionary, seed: number) {
  const tf = tensorflow();
  const { features, outputWidth } = dictionary;
  const cosines = maxCosineToOthers(dictionary.decoder_FD);
  const directions = randomDirections(features, outputWidth, 1, stream(seed, 'sae.evaluate.directions'));
  const random_FD = tf.tensor2d(directions, [features, outputWidth]);
  const random = maxCosineToOthers(random_FD);
  random_FD.dispose();
  const mean = (values: Float32Array, name: string) =>
    bootstrapMean(values, { stream: stream(seed, name), unit: 'feature', replicates: 1000 });
  return {
    cosines,
    random,
    metrics: {
      decoder_similarity: mean(cosines, 'sae.evaluate.similarity'),
      decoder_similarity_random: mean(random, 'sae.evaluate.similarity.random'),
    },
  };
}

async function written(job: Job, name: string, table: Table): Promise<LocalArtifact> {
  const artifact = job.artifact('table', name);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return artifact;
}

function checkModel(dictionary: Dictionary, model: LanguageModel, params: SaeEvaluateParameters): void {
  if (
    dictionary.width === model.width &&
    Math.max(dictionary.layer, dictionary.config.writes?.layer ?? 0) < model.layers
  )
    return;
  throw new ComputeError(
    'bad-parameter',
    `The dictionary reads layer ${dictionary.layer} of width ${dictionary.width}; ${params.model.from ?? 'the model'} has ${model.layers} layers of width ${model.width}`,
    { hint: 'give the model whose activations the dictionary was trained on' },
  );
}
