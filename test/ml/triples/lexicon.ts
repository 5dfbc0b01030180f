import { readFileSync } from 'node:fs';
import { type Lexicon, parseLexicon } from '../../../ml/rewards/lexicon.ts';

/** The lexicon that Plumbline carries. */
export const vader: Lexicon = parseLexicon(
  'vader',
  readFileSync(new URL('../../../ml/rewards/lexicons/vader.tsv', import.meta.url), 'utf8'),
);
