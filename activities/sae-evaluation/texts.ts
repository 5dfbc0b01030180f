import type { Job } from '../../compute/types.ts';
import { textItem } from '../../ml/activations/items.ts';
import { visitingOrder } from '../../ml/activations/order.ts';
import { type CaptureItem, rowsOf } from '../../ml/activations/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import type { SaeEvaluateParameters } from '../../schemas/generated/parameters.ts';

export interface UnseenTexts {
  /** Everything is measured on these. */
  measured: CaptureItem[];
  /** Only firings are counted on these. */
  further: CaptureItem[];
}

/** Texts that training did not see, in random order; nor any that reads the same as one that it saw. */
export function unseenTexts(
  texts: readonly string[],
  params: SaeEvaluateParameters,
  { config }: Dictionary,
  model: LanguageModel,
  tokenizer: Tokenizer,
  job: Job,
): UnseenTexts {
  const sameData = config.data === params.data.digest;
  const order = sameData
    ? visitingOrder(config.texts)
    : stream(job.seed, 'sae.evaluate.texts').permutation(texts.length);
  const visited = sameData ? config.texts.visited : 0;
  const seen = new Set(Array.from(order.subarray(0, visited), (text) => texts[text]));
  const maxLength = Math.min(params['max-length'] ?? config.maxLength, model.maxPositions);
  const window = params.window ?? 0;
  const measured: CaptureItem[] = [];
  const further: CaptureItem[] = [];
  let rows = 0;
  for (const text of order.subarray(visited)) {
    if (measured.length === params.texts && rows >= window) break;
    const content = texts[text] as string;
    if (seen.has(content)) continue;
    const item = textItem(content, text, tokenizer, { maxLength, skipped: config.skippedPositions });
    if (!item || item.to - item.from < 2) continue;
    if (measured.length < params.texts) measured.push(item);
    else further.push(item);
    rows += rowsOf(item);
  }
  if (measured.length < 2) {
    throw new ComputeError(
      'bad-data',
      `Only ${measured.length} of ${texts.length} texts are new to the dictionary`,
      {
        hint: 'give other texts as `data`, or capture fewer `tokens` for training',
      },
    );
  }
  if (!sameData)
    job.log('The texts are not those that the dictionary was trained on: all of them count as unseen.');
  if (rows < window)
    job.log(`All unseen texts together have ${rows} tokens, fewer than the window of ${window}.`);
  return { measured, further };
}
