import { ComputeError } from '../failure.ts';
import type { Activations } from './read.ts';

/** What training reads its rows from: one captured place, or several of the same rows. */
export interface RowSource {
  /** D */
  readonly width: number;
  /** Rows [start, end): [end - start, D], in memory of their own. */
  rows(start: number, end: number): Float32Array;
}

/** One layer of the activations, times `scale`. */
export function placeRows(activations: Activations, layer: number, scale = 1): RowSource {
  activations.layer(layer);
  return {
    width: activations.index.width,
    rows(start, end) {
      const rows_RD = activations.rows(layer, start, end);
      if (scale !== 1) for (let i = 0; i < rows_RD.length; i++) rows_RD[i]! *= scale;
      return rows_RD;
    },
  };
}

/** Rows of `first`, each followed by the same row of `second`: [R, D + E]. */
export function sideBySide(first: RowSource, second: RowSource): RowSource {
  const width = first.width + second.width;
  return {
    width,
    rows(start, end) {
      const out = new Float32Array((end - start) * width);
      for (const [source, column] of [
        [first, 0],
        [second, first.width],
      ] as const) {
        const rows = source.rows(start, end);
        for (let row = 0; row < end - start; row++)
          out.set(rows.subarray(row * source.width, (row + 1) * source.width), row * width + column);
      }
      return out;
    },
  };
}

/** first - second, row by row; both have the same width. */
export function difference(first: RowSource, second: RowSource): RowSource {
  return {
    width: first.width,
    rows(start, end) {
      const out_RD = first.rows(start, end);
      const less_RD = second.rows(start, end);
      for (let i = 0; i < out_RD.length; i++) out_RD[i]! -= less_RD[i]!;
      return out_RD;
    },
  };
}

/** Rows read at once where all are. */
const CHUNK = 8192;

/** mean of ||x||^2 over rows [0, rows) */
export function meanSquareNorm(source: RowSource, rows: number): number {
  let squares = 0;
  for (let start = 0; start < rows; start += CHUNK) {
    for (const value of source.rows(start, Math.min(rows, start + CHUNK))) squares += value * value;
  }
  return squares / rows;
}

/**
 * Whether row i of both is the same token of the same text, for every i.
 * @param names of the two parameters
 * @throws ComputeError bad-parameter
 */
export function requireSameRows(first: Activations, second: Activations, names: [string, string]): void {
  const tokens = ({ index }: Activations) => index.origins.map(({ sha256 }) => sha256).join();
  const [a, b] = [first.index, second.index];
  const what =
    a.source.data !== b.source.data
      ? 'they were captured on different data'
      : a.rows !== b.rows
        ? `one has ${a.rows} rows, the other ${b.rows}`
        : tokens(first) !== tokens(second)
          ? 'their tokens differ'
          : null;
  if (what === null) return;
  throw new ComputeError(
    'bad-parameter',
    `\`${names[0]}\` and \`${names[1]}\` are not the same rows: ${what}`,
    {
      hint: 'capture both with the same `data`, `protocol`, `tokens`, `max-length` and `skip-positions`, from models with the same tokenizer',
    },
  );
}
