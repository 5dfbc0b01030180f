import { familyOf } from '../../triples/families.ts';
import type { Cell } from './cells.ts';

/** All words of all cells, numbered: what the bootstrap draws, family by family, for every statistic at once. */
export interface WordIndex {
  words: string[];
  families: string[];
  /** Index of each word. */
  of: ReadonlyMap<string, number>;
}

export function indexWords(cells: readonly Cell[]): WordIndex {
  const all = new Set(cells.flatMap(({ runs }) => runs.flatMap(({ reading }) => reading.words)));
  const words = [...all].sort();
  return { words, families: words.map(familyOf), of: new Map(words.map((word, i) => [word, i])) };
}

/** Turns drawn words into the rows of one reading that hold them; words it does not hold fall out. */
export class DrawnRows {
  private readonly rowOf: Int32Array;
  private rows: Int32Array;

  constructor(words: readonly string[], index: WordIndex) {
    this.rowOf = new Int32Array(index.words.length).fill(-1);
    words.forEach((word, row) => {
      this.rowOf[index.of.get(word) as number] = row;
    });
    this.rows = new Int32Array(index.words.length);
  }

  /** A view that the next call overwrites. */
  of(drawn: Int32Array): Int32Array {
    if (this.rows.length < drawn.length) this.rows = new Int32Array(drawn.length);
    let count = 0;
    for (let i = 0; i < drawn.length; i++) {
      const row = this.rowOf[drawn[i] as number] as number;
      if (row >= 0) this.rows[count++] = row;
    }
    return this.rows.subarray(0, count);
  }
}
