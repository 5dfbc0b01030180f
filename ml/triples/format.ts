import { ComputeError } from '../failure.ts';
import { MEMBERS, type Triple } from './types.ts';

export const TRIPLES_FILE = 'triples.jsonl';

/** The content of `triples.jsonl`: one triple a line. */
export function formatTriples(triples: readonly Triple[]): string {
  return triples.map((triple) => `${JSON.stringify(triple)}\n`).join('');
}

/** @throws ComputeError bad-data, naming the line */
export function parseTriples(content: string, where = TRIPLES_FILE): Triple[] {
  return content
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      let triple: Triple;
      try {
        triple = JSON.parse(line) as Triple;
      } catch (error) {
        throw new ComputeError('bad-data', `${where}, line ${i + 1}: ${(error as Error).message}`);
      }
      for (const member of MEMBERS) {
        const [start, end] = triple.spans?.[member] ?? [-1, -1];
        const word = triple.words?.[member];
        if (typeof word !== 'string' || triple.texts?.[member]?.slice(start, end) !== word) {
          throw new ComputeError(
            'bad-data',
            `${where}, line ${i + 1}: the ${member} span does not hold the ${member} word`,
            { hint: 'use triples made by triples.build' },
          );
        }
      }
      return triple;
    });
}
