/** One thing to score: what the model was given and what it wrote. */
export interface PromptCompletion {
  prompt: string;
  completion: string;
}

/**
 * Feedback as a function of text, higher is better. A reward must give one finite number a text, in order, and draw
 * nothing: the same text always gets the same score.
 */
export interface Reward {
  /** One line for people: what is scored and how. */
  readonly description: string;
  score(texts: readonly PromptCompletion[]): number[] | Promise<number[]>;
}

/** Which part of the text a reward reads. */
export type Scored = 'completion' | 'prefix+completion';

/** The `feedback:` of an experiment, defaults filled in (schemas/common.schema.json, `$defs/feedback`). */
export type Feedback = LexiconFeedback;

export interface LexiconFeedback {
  kind: 'lexicon';
  /** A word list that Plumbline carries. */
  lexicon: 'vader';
  /** A word list of the team, in place of `lexicon`. */
  file?: { $path: string; sha256: string };
  scale: number;
  clip: number;
  scored: Scored;
}
