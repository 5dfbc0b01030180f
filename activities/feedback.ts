/** The `feedback:` of an experiment as bodies use it: a reward to score with, or the word list behind a lexicon. */
export { openLexicon } from './feedback/lexicon.ts';
export { openReward } from './feedback/open.ts';
