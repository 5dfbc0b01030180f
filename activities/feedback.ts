import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Lexicon, lexiconReward, parseLexicon } from '../ml/rewards/lexicon.ts';
import type { Feedback, LexiconFeedback, Reward } from '../ml/rewards/types.ts';

/** The reward that the `feedback` of an experiment describes, ready to score. */
export async function openReward(feedback: Feedback): Promise<Reward> {
  return lexiconReward(await openLexicon(feedback), feedback);
}

/** The word list of a lexicon feedback: its own file, or one of those in `ml/rewards/lexicons`. */
export async function openLexicon({ lexicon, file }: LexiconFeedback): Promise<Lexicon> {
  // Named without its directory: results must not depend on where the file lies.
  if (file) return parseLexicon(basename(file.$path), await readFile(file.$path, 'utf8'), file.$path);
  const path = new URL(`../ml/rewards/lexicons/${lexicon}.tsv`, import.meta.url);
  return parseLexicon(lexicon, await readFile(path, 'utf8'));
}
