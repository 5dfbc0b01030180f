/** The three members of a triple, in the order in which activations are captured and stored. */
export const MEMBERS = ['positive', 'neutral', 'negative'] as const;
export type Member = (typeof MEMBERS)[number];

/**
 * Three texts that differ in their last word only: one word that the feedback likes, one that it does not rate, one that it
 * dislikes. A line of `triples.jsonl`.
 */
export interface Triple {
  id: string;
  /** Which text it was cut from: 0-based line of texts.jsonl. */
  document: number;
  /** From the start of the sentence to the end of the target word. */
  texts: Record<Member, string>;
  /** Target words as they stand in the texts. */
  words: Record<Member, string>;
  /** Where the target stands, in characters: [start, end). */
  spans: Record<Member, [start: number, end: number]>;
  /**
   * For splitting by word and by source: no word family (families.ts) and no document is in two folds. 0-based; probes are
   * fitted on all folds but one and read on that one.
   */
  fold: number;
  /** The published split, by triple: the same words and documents are on both sides. */
  split: 'train' | 'test';
}

/** What a word is worth to the feedback: 0 for words that it does not rate. */
export interface Ratings {
  value(word: string): number;
  has(word: string): boolean;
}

/** A place in a text where one word can stand for another. `options` do not depend on who wrote the word that is there. */
export interface Slot {
  document: number;
  /** Everything from the start of the sentence up to the target word. */
  prefix: string;
  options: Record<Member, readonly string[]>;
}

/** Why places were not used. */
export type DropReason =
  | 'no-context' // the target is the first word of its sentence
  | 'no-word-in-fold' // no positive or no negative word that the model knows and of the document's fold fits the place
  | 'no-neutral-word' // every neutral word that fits is rated by the feedback, or unknown to the model
  | 'not-aligned' // in this text, a target is not exactly one or more tokens
  | 'too-long' // more tokens than allowed
  | 'not-needed'; // the limit was reached

export interface TripleCounts {
  documents: number;
  slots: number;
  triples: number;
  words: Record<Member, number>;
  dropped: Record<DropReason, number>;
}
