import { type Matrix, zeros } from './algebra/matrix.ts';

/**
 * What a text says without any model: the baselines that a probe of activations has to beat. One row a text.
 *
 *   bag of words  how often each word occurs (scikit-learn's CountVectorizer: lower case, words of two characters and more)
 *   TF-IDF        the same times ln((1 + n) / (1 + df)) + 1, each row scaled to length 1 (TfidfVectorizer's defaults)
 *   length        characters and words of the text
 *
 * Words that occur in fewer than `minimum` texts are left out, and of the others all but the `most` that occur in most texts.
 * The counts behind the vocabulary and the inverse frequencies are of all texts: they know no label.
 */
export interface VocabularyOptions {
  /** Default 2. */
  minimum?: number;
  /** Default 2000. */
  most?: number;
}

export function bagOfWords(
  texts: readonly string[],
  { minimum = 2, most = 2000 }: VocabularyOptions = {},
): { words: string[]; counts: Matrix } {
  const tokens = texts.map(wordsOf);
  const frequency = new Map<string, number>();
  for (const own of tokens)
    for (const word of new Set(own)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const words = [...frequency]
    .filter(([, count]) => count >= minimum)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([word]) => word)
    .sort();
  const column = new Map(words.map((word, j) => [word, j]));
  const counts = zeros(texts.length, words.length);
  tokens.forEach((own, i) => {
    for (const word of own) {
      const j = column.get(word);
      if (j === undefined) continue;
      const slot = i * words.length + j;
      counts.data[slot] = (counts.data[slot] as number) + 1;
    }
  });
  return { words, counts };
}

export function tfIdf(texts: readonly string[], options: VocabularyOptions = {}): Matrix {
  const { counts } = bagOfWords(texts, options);
  const { rows, columns, data } = counts;
  const weights = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) {
    if (data[i] !== 0) weights[i % columns] = (weights[i % columns] as number) + 1;
  }
  for (let j = 0; j < columns; j++) weights[j] = Math.log((1 + rows) / (1 + (weights[j] as number))) + 1;
  const out = zeros(rows, columns);
  for (let i = 0; i < rows; i++) {
    let squares = 0;
    for (let j = 0, at = i * columns; j < columns; j++, at++) {
      const value = (data[at] as number) * (weights[j] as number);
      out.data[at] = value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    for (let at = i * columns; length > 0 && at < (i + 1) * columns; at++) {
      out.data[at] = (out.data[at] as number) / length;
    }
  }
  return out;
}

export function textLengths(texts: readonly string[]): Matrix {
  const data = Float64Array.from(
    texts.flatMap((text) => [[...text].length, text.split(/\s+/u).filter(Boolean).length]),
  );
  return { rows: texts.length, columns: 2, data };
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}\p{M}_]{2,}/gu) ?? [];
