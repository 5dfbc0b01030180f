import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { mul, softmax } from '../engine/untaped.ts';
import type { Decoder, Hook, LanguageModel } from '../models/types.ts';
import { type RandomStream, stream } from '../random/stream.ts';
import { type NextToken, needsLogits, nextTokenSampler, type SamplerOptions } from './next-token.ts';

export interface SampleOptions extends SamplerOptions {
  /** The most new tokens of each row: one number, or one a row. */
  maxNewTokens: number | readonly number[];
  /** A row that draws this token is over; the token is part of the result. null: rows run to their limit. */
  eosId: number | null;
  /** What prompts are padded with; it is never seen by the model. */
  padId: number;
  /**
   * A row whose new text contains one of `strings` is over; the tokens that complete it are part of the result, as in
   * `transformers`.
   */
  stop?: { strings: readonly string[]; decode(ids: readonly number[]): string };
  /**
   * The random stream of each row. With streams that follow from the rows themselves, and not from their places, a row's
   * text does not depend on the batch it is in. Default: seeded from `draws`, in order.
   */
  streams?: readonly RandomStream[];
  hooks?: readonly Hook[];
  /** Called after each position with the number of positions done: for progress. */
  onStep?: (done: number) => void;
}

export interface Completion {
  /** The new tokens, with the end token if it was drawn. */
  ids: number[];
  /** log p of each new token under the model itself, before temperature, top-k and top-p. */
  logProbs: number[];
  /** By the end token or a stop string, not by the limit. */
  ended: boolean;
}

/**
 * Samples a completion of every prompt, all together, with cached keys and values. Every row has a random stream of its
 * own, so that its draws do not depend on how long others run: given in `streams`, or seeded from `draws` by its place. Rows
 * that are over leave the batch as soon as they are half of it.
 * @param prompts token ids of each row, at least one each; padded on the left to equal length
 */
export function sample(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  options: SampleOptions,
  draws: RandomStream,
): Completion[] {
  if (prompts.length === 0) return [];
  const rows = prompts.map((prompt, i) => startRow(prompt, i, options, draws));
  const width = Math.max(...prompts.map((prompt) => prompt.length));
  const longest = Math.max(...rows.map((row) => row.limit));
  if (width + longest - 1 > model.maxPositions) {
    throw new RangeError(
      `${width} prompt tokens and ${longest} new ones do not fit the model's ${model.maxPositions} positions`,
    );
  }
  const decoder = model.decoder(
    rows.length,
    width + longest - 1,
    options.hooks ? { hooks: options.hooks } : {},
  );
  try {
    decode(decoder, rows, prompts, width, options);
  } finally {
    decoder.dispose();
  }
  return rows.map(({ completion }) => completion);
}

interface Row {
  completion: Completion;
  prompt: readonly number[];
  limit: number;
  draws: RandomStream;
}

function startRow(
  prompt: readonly number[],
  index: number,
  options: SampleOptions,
  draws: RandomStream,
): Row {
  if (prompt.length === 0)
    throw new RangeError(`Prompt ${index} is empty: sampling needs at least one token`);
  const limit = typeof options.maxNewTokens === 'number' ? options.maxNewTokens : options.maxNewTokens[index];
  if (limit === undefined || !(Number.isInteger(limit) && limit >= 1)) {
    throw new RangeError(`maxNewTokens of row ${index} is ${limit}: it needs a whole number of at least 1`);
  }
  return {
    completion: { ids: [], logProbs: [], ended: false },
    prompt,
    limit,
    draws: streamOf(index, options, draws),
  };
}

function streamOf(index: number, { streams }: SampleOptions, draws: RandomStream): RandomStream {
  if (!streams) return stream(draws.integer(2 ** 32), 'sample');
  const own = streams[index];
  if (!own) throw new RangeError(`Row ${index} has no stream: \`streams\` has ${streams.length}`);
  return own;
}

function decode(
  decoder: Decoder,
  rows: Row[],
  prompts: readonly (readonly number[])[],
  width: number,
  options: SampleOptions,
): void {
  const pick = nextTokenSampler(options);
  let alive = rows;
  let { ids, mask } = padLeft(prompts, width, options.padId);
  for (let position = 1; ; position++) {
    const scores = feed(decoder, ids, mask, alive.length, options);
    const next = advance(alive, scores, pick, options);
    options.onStep?.(position);
    const running = alive.flatMap((row, i) => (isOver(row) ? [] : [i]));
    if (running.length === 0) return;
    if (running.length <= alive.length / 2) {
      decoder.keep(running);
      alive = running.map((i) => alive[i] as Row);
      ids = Int32Array.from(running, (i) => next[i] as number);
    } else {
      ids = Int32Array.from(next);
    }
    mask = new Int32Array(ids.length).fill(1);
  }
}

const isOver = ({ completion, limit }: Row) => completion.ended || completion.ids.length >= limit;

/** Draws the next token of every running row; a row that is over is fed its last token again, and nobody looks at it. */
function advance(rows: Row[], scores: Scores, pick: NextToken, { eosId, stop }: SampleOptions): number[] {
  const vocabulary = scores.weights.length / rows.length;
  return rows.map((row, i) => {
    const { completion } = row;
    if (isOver(row)) return completion.ids.at(-1) as number;
    const weights = scores.weights.subarray(i * vocabulary, (i + 1) * vocabulary);
    const id = pick(weights, row.draws, [...row.prompt, ...completion.ids]);
    completion.ids.push(id);
    completion.logProbs.push(Math.log(scores.probabilities[i * vocabulary + id] as number));
    completion.ended = id === eosId || (stop !== undefined && isStopped(completion.ids, stop));
    return id;
  });
}

function isStopped(ids: readonly number[], { strings, decode }: NonNullable<SampleOptions['stop']>): boolean {
  const text = decode(ids);
  return strings.some((string) => text.includes(string));
}

function padLeft(
  prompts: readonly (readonly number[])[],
  width: number,
  padId: number,
): { ids: Int32Array; mask: Int32Array } {
  const ids = new Int32Array(prompts.length * width).fill(padId);
  const mask = new Int32Array(prompts.length * width);
  for (const [row, prompt] of prompts.entries()) {
    const start = (row + 1) * width - prompt.length;
    ids.set(prompt, start);
    mask.fill(1, start, start + prompt.length);
  }
  return { ids, mask };
}

/** Row-major [B, V]: what the tokens are drawn by, and their probabilities under the model itself. */
interface Scores {
  weights: Float32Array;
  probabilities: Float32Array;
}

function feed(
  decoder: Decoder,
  ids: Int32Array,
  mask: Int32Array,
  rows: number,
  options: SampleOptions,
): Scores {
  const { temperature = 1 } = options;
  const raw = needsLogits(options) || temperature === 0;
  const tf = tensorflow();
  const shape: [number, number] = [rows, ids.length / rows];
  const logits_BV = tf.tidy(() =>
    decoder.feed(tf.tensor2d(ids, shape, 'int32'), tf.tensor2d(mask, shape, 'int32')),
  );
  const probabilities = dataOf(() => softmax(logits_BV));
  // At temperature 0 the likeliest token is looked up among the logits themselves, where rounding makes no ties.
  const weights =
    temperature === 1 && !raw
      ? probabilities
      : dataOf(() => (raw ? logits_BV.clone() : softmax(mul(logits_BV, 1 / temperature))));
  logits_BV.dispose();
  return { weights, probabilities };
}
