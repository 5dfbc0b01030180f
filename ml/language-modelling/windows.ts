import { type RandomStream, stream } from '../random/stream.ts';

/**
 * Documents as one stream of tokens, an end-of-text token after each, cut into windows of context + 1 tokens: the first
 * `context` are read, the last `context` are predicted. Neighbouring windows share one token, so that every token but
 * the first is predicted once; the rest that fills no window is left out.
 */
export interface Windows {
  /** Row-major [count, context + 1]. */
  tokens: Int32Array;
  count: number;
  context: number;
  /** 1 for the tokens that are to be predicted, as `tokens`. Absent: all but the first of each window. */
  scored?: Uint8Array;
}

/** Some windows of them, as the loss takes them. */
export interface Block {
  /** Row-major [rows, context + 1]. */
  tokens: Int32Array;
  rows: number;
  scored: Uint8Array | null;
}

export function packWindows(documents: Iterable<readonly number[]>, context: number, endId: number): Windows {
  const all: number[] = [];
  for (const ids of documents) {
    for (const id of ids) all.push(id);
    all.push(endId);
  }
  const count = Math.max(0, Math.floor((all.length - 1) / context));
  const tokens = new Int32Array(count * (context + 1));
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= context; j++) tokens[i * (context + 1) + j] = all[i * context + j] as number;
  }
  return { tokens, count, context };
}

/** The windows of the given rows, as one block. */
export function takeWindows({ tokens, context, scored }: Windows, rows: ArrayLike<number>): Block {
  const width = context + 1;
  const block: Block = {
    tokens: new Int32Array(rows.length * width),
    rows: rows.length,
    scored: scored ? new Uint8Array(rows.length * width) : null,
  };
  for (let i = 0; i < rows.length; i++) {
    const [from, to] = [(rows[i] as number) * width, ((rows[i] as number) + 1) * width];
    block.tokens.set(tokens.subarray(from, to), i * width);
    if (scored) block.scored?.set(scored.subarray(from, to), i * width);
  }
  return block;
}

/** How many tokens of the windows are predicted. */
export function predictedTokens({ tokens, rows, scored }: Block): number {
  if (!scored) return tokens.length - rows;
  const width = tokens.length / rows;
  let count = 0;
  for (let i = 0; i < scored.length; i++) if (i % width !== 0 && scored[i]) count++;
  return count;
}

/**
 * Which windows make up batch 0, 1, ...: every epoch goes through all of them in an order of its own. The batch is a
 * function of its number alone, so that a resumed run needs no position.
 */
export class WindowOrder {
  private epoch = -1;
  private order = new Int32Array(0);

  constructor(
    private readonly count: number,
    private readonly batch: number,
    private readonly seed: number,
    private readonly name: string,
  ) {}

  rows(step: number): Int32Array {
    return Int32Array.from({ length: this.batch }, (_, i) => this.at(step * this.batch + i));
  }

  private at(position: number): number {
    const epoch = Math.floor(position / this.count);
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.order = stream(this.seed, `${this.name}/epoch ${epoch}`).permutation(
        this.count,
      ) as Int32Array<ArrayBuffer>;
    }
    return this.order[position % this.count] as number;
  }
}

/** Documents apart for training and for measuring: round(share * n) of them, at least one of each. */
export function splitDocuments<T>(
  documents: readonly T[],
  share: number,
  draws: RandomStream,
): { train: T[]; heldOut: T[] } {
  const order = draws.permutation(documents.length);
  const held = Math.min(documents.length - 1, Math.max(1, Math.round(share * documents.length)));
  const chosen = new Set(order.subarray(0, held));
  return {
    // The training order is random too: neighbours in a file are often alike.
    train: Array.from(order.subarray(held), (i) => documents[i] as T),
    heldOut: documents.filter((_, i) => chosen.has(i)),
  };
}
