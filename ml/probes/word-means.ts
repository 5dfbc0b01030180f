import { type Matrix, zeros } from './algebra/matrix.ts';
import { captureRow } from './rows.ts';
import type { ProbeRow } from './types.ts';

/** Mean features of each word over its rows, words in alphabetical order: the rows of the corrected fit. */
export function wordMeans(
  features: Matrix,
  rows: readonly ProbeRow[],
): {
  words: string[];
  folds: Int32Array;
  values: Map<string, number>;
  means: Matrix & { data: Float64Array };
} {
  const byWord = new Map<string, ProbeRow[]>();
  for (const row of rows) {
    const own = byWord.get(row.word);
    if (own) own.push(row);
    else byWord.set(row.word, [row]);
  }
  const words = [...byWord.keys()].sort();
  const { columns, data } = features;
  const means = zeros(words.length, columns);
  const folds = new Int32Array(words.length);
  const values = new Map<string, number>();
  words.forEach((word, w) => {
    const own = byWord.get(word) as ProbeRow[];
    folds[w] = (own[0] as ProbeRow).fold;
    values.set(word, (own[0] as ProbeRow).value);
    for (const row of own) {
      const from = captureRow(row.triple, row.member) * columns;
      for (let j = 0; j < columns; j++) {
        const slot = w * columns + j;
        means.data[slot] = (means.data[slot] as number) + (data[from + j] as number) / own.length;
      }
    }
  });
  return { words, folds, values, means };
}
