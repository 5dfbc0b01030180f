import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ComputeError } from '../../ml/failure.ts';
import { type Lexicon, lexiconReward, parseLexicon } from '../../ml/rewards/lexicon.ts';
import type { Feedback, LexiconFeedback } from '../../schemas/generated/parameters.ts';
import type { Opener } from './types.ts';

export const openLexiconReward: Opener<LexiconFeedback> = async (feedback) =>
  lexiconReward(await openLexicon(feedback), feedback);

/**
 * The word list of a lexicon feedback: its own file, or one of those in `ml/rewards/lexicons`.
 * @throws ComputeError `needs-lexicon` for any other feedback: it rates whole texts, not words
 */
export async function openLexicon(feedback: Feedback): Promise<Lexicon> {
  if (feedback.kind !== 'lexicon') {
    throw new ComputeError(
      'needs-lexicon',
      `This step reads what words are worth; a feedback of kind ${feedback.kind} rates whole texts only`,
      { hint: 'give it a word list of its own: `feedback: { kind: lexicon, lexicon: vader }`' },
    );
  }
  const { lexicon, file } = feedback;
  // Named without its directory: results must not depend on where the file lies.
  if (file) return parseLexicon(basename(file.$path), await readFile(file.$path, 'utf8'), file.$path);
  const path = new URL(`../../ml/rewards/lexicons/${lexicon}.tsv`, import.meta.url);
  return parseLexicon(lexicon, await readFile(path, 'utf8'));
}
