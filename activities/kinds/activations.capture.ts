import { join } from 'node:path';
import type { ActivityBody, LoopState } from '../../compute/types.ts';
import { captureItems } from '../../ml/activations/capture.ts';
import { padded, textItem, tripleItems } from '../../ml/activations/items.ts';
import { visitingOrder } from '../../ml/activations/order.ts';
import { type ActivationsIndex, type CaptureItem, rowsOf } from '../../ml/activations/types.ts';
import { ActivationsWriter, type WriterState } from '../../ml/activations/write.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { Triple } from '../../ml/triples/types.ts';
import type { ActivationsCaptureParameters } from '../../schemas/generated/parameters.ts';
import type { Json } from '../../store/types.ts';
import { readJsonLines } from '../json-lines.ts';
import { readTexts } from '../texts.ts';

/** Batches of sequences that are sorted by length together: less padding, and one unit of the loop. */
const BATCHES_A_WINDOW = 8;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ActivationsCaptureParameters;
  const model = await loadModel(params.model.directory);
  const tokenizer = loadTokenizer(params.model.directory);
  const layers = checkedLayers(params.layers, model);
  const maxLength = Math.min(params['max-length'], model.maxPositions);
  const { items, source } = params.triples
    ? await fromTriples(params, tokenizer, maxLength)
    : await fromTexts(params, tokenizer, maxLength, job.seed);

  const artifact = job.artifact('activations', 'activations');
  const { directory } = artifact;
  const writer = new ActivationsWriter({ directory, layers, site: params.site, width: model.width });
  const window = params.batch * BATCHES_A_WINDOW;
  await job.loop({
    total: Math.ceil(items.length / window),
    save: () => toLoopState(writer.save()),
    load: ({ tensors, json }) => writer.restore({ tensors, ...(json as Pick<WriterState, 'rows' | 'sums'>) }),
    step(i) {
      const members = items.slice(i * window, (i + 1) * window);
      for (const item of members) noteOrigins(writer, item);
      const { batch, site } = params;
      const captured = captureItems(members, { model, layers, site, batch, padId: tokenizer.padId });
      for (const [layer, acts_RD] of captured) writer.append(layer, acts_RD);
      return { rows: writer.rows };
    },
  });
  const index = writer.finish({ model: params.model.digest, source });
  model.dispose();
  return {
    outputs: { activations: artifact },
    metrics: { rows: { value: index.rows }, sequences: { value: items.length } },
  };
};

interface Captured {
  items: CaptureItem[];
  source: ActivationsIndex['source'];
}

async function fromTexts(
  params: ActivationsCaptureParameters,
  tokenizer: Tokenizer,
  maxLength: number,
  seed: number,
): Promise<Captured> {
  const data = params.data as NonNullable<typeof params.data>;
  const faithful = params.protocol === 'faithful';
  const skipped = params['skip-positions'] ?? (faithful ? 0 : 1);
  const texts = await readTexts(data.directory);
  const shuffle = faithful ? null : { seed, stream: 'activations.texts' };
  const order = visitingOrder({ total: texts.length, shuffle });
  const items: CaptureItem[] = [];
  let rows = 0;
  let visited = 0;
  while (visited < order.length && rows < params.tokens) {
    const upTo = faithful ? Math.min(order.length, visited + params.batch) : visited + 1;
    const next = Array.from(order.subarray(visited, upTo), (text) =>
      textItem(texts[text] as string, text, tokenizer, { maxLength, skipped }),
    ).filter((item) => item !== null);
    const kept = faithful && next.length > 0 ? padded(next, tokenizer.padId) : next;
    items.push(...kept);
    rows += kept.reduce((sum, item) => sum + rowsOf(item), 0);
    visited = upTo;
  }
  if (rows === 0) {
    throw new ComputeError('bad-data', `None of the ${texts.length} texts has more than ${skipped} tokens`, {
      hint: 'give longer texts as `data`',
    });
  }
  return {
    items,
    source: {
      type: 'texts',
      data: data.digest,
      texts: { total: texts.length, visited, shuffle },
      maxLength,
      skippedPositions: skipped,
      padding: faithful,
    },
  };
}

async function fromTriples(
  params: ActivationsCaptureParameters,
  tokenizer: Tokenizer,
  maxLength: number,
): Promise<Captured> {
  const data = params.triples as NonNullable<typeof params.triples>;
  const pooling = params.protocol === 'faithful' ? 'first' : 'mean';
  const items: CaptureItem[] = [];
  let triples = 0;
  for await (const triple of readJsonLines<Triple>(join(data.directory, 'triples.jsonl'))) {
    items.push(...tripleItems(triple, triples++, tokenizer, { pooling, maxLength }));
  }
  if (triples === 0) throw new ComputeError('bad-data', 'There are no triples to capture');
  return { items, source: { type: 'triples', data: data.digest, maxLength, triples, pooling } };
}

function checkedLayers(layers: readonly number[], model: LanguageModel): number[] {
  const bad = layers.find((layer) => layer >= model.layers);
  if (bad !== undefined) {
    throw new ComputeError('bad-parameter', `Layer ${bad}: the model has layers 0 to ${model.layers - 1}`, {
      hint: 'change `layers`',
    });
  }
  return [...new Set(layers)].sort((a, b) => a - b);
}

function noteOrigins(writer: ActivationsWriter, item: CaptureItem): void {
  const last = item.pooled ? item.from + 1 : item.to;
  for (let t = item.from; t < last; t++) writer.note(item.ids[t] as number, item.text, t);
}

function toLoopState({ tensors, ...rest }: WriterState): LoopState {
  return { tensors, json: rest as unknown as Json };
}
