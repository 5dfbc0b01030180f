import type { ActivityBody, LoopState } from '../../compute/types.ts';
import { captureItems } from '../../ml/activations/capture.ts';
import { SalvagedShards } from '../../ml/activations/salvage.ts';
import { type CaptureItem, type Place, rowsOf } from '../../ml/activations/types.ts';
import { ActivationsWriter, type WriterOptions, type WriterState } from '../../ml/activations/write.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { ActivationsCaptureParameters } from '../../schemas/generated/parameters.ts';
import { textItems, tripleWords } from '../capture-items.ts';

/** Batches of sequences that are sorted by length together: less padding, and one unit of the loop. */
const BATCHES_A_WINDOW = 8;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ActivationsCaptureParameters;
  const { batch } = params;
  const model = await loadModel(params.model.directory);
  const tokenizer = loadTokenizer(params.model.directory);
  const { padId } = tokenizer;
  const asked = placesOf(params, model);
  const control = params.triples && !asked.some(isLayer0) ? LAYER_0 : null;
  const places = control ? [...asked, control] : asked;
  const maxLength = Math.min(params['max-length'], model.maxPositions);
  const { count, items, source } = params.triples
    ? await tripleWords(params, tokenizer, maxLength)
    : await textItems(params, tokenizer, maxLength, job.seed, (rows) => {
        // Counting is none of the loop's steps.
        job.progress(0, 1, { rows_found: rows });
      });

  const artifact = job.artifact('activations', 'activations');
  const options: WriterOptions = {
    directory: artifact.directory,
    places,
    width: model.width,
    dtype: params.dtype,
    shardBytes: params['shard-size'] * 2 ** 20,
  };
  const writer = new ActivationsWriter(options);
  const left = job.salvaged?.activations;
  const salvaged = left === undefined ? null : new SalvagedShards({ ...options, directory: left });
  const window = batch * BATCHES_A_WINDOW;
  await job.loop({
    total: Math.ceil(count / window),
    save: () => writer.save() as unknown as LoopState,
    load: (state) => writer.restore(state as unknown as WriterState),
    step(i) {
      const members = items(i * window, (i + 1) * window);
      const from = writer.rows;
      const to = members.reduce((rows, item) => rows + rowsOf(item), from);
      for (const item of members) noteOrigins(writer, item);
      writer.append(salvaged?.rows(from, to) ?? captureItems(members, { model, places, batch, padId }));
      return { rows: writer.rows };
    },
  });
  const index = writer.finish({
    model: params.model.digest,
    source: control && source.type === 'triples' ? { ...source, control } : source,
  });
  model.dispose();
  return {
    outputs: { activations: artifact },
    metrics: { rows: { value: index.rows }, sequences: { value: count } },
  };
};

/** What enters the first layer, where no word has met another: of target words always captured, for a control of probes. */
const LAYER_0: Place = { site: 'block_in', layer: 0 };
const isLayer0 = ({ site, layer }: Place) => site === LAYER_0.site && layer === LAYER_0.layer;

/** Each layer and site once, layers ascending. */
function placesOf(params: ActivationsCaptureParameters, model: LanguageModel): Place[] {
  const bad = params.layers.find((layer) => layer >= model.layers);
  if (bad !== undefined) {
    throw new ComputeError('bad-parameter', `Layer ${bad}: the model has layers 0 to ${model.layers - 1}`, {
      hint: 'change `layers`',
    });
  }
  const layers = [...new Set(params.layers)].sort((a, b) => a - b);
  const sites = [...new Set(params.sites ?? [params.site])];
  return layers.flatMap((layer) => sites.map((site) => ({ site, layer })));
}

function noteOrigins(writer: ActivationsWriter, item: CaptureItem): void {
  const last = item.pooled ? item.from + 1 : item.to;
  for (let t = item.from; t < last; t++) writer.note(item.ids[t] as number, item.text, t);
}
