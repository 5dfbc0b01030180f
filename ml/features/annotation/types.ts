/** One question to a rater: which of these descriptions fits what the feature responds to, or none? */
export interface AnnotationItem {
  id: string;
  excerpts: Excerpt[];
  /** Descriptions to choose from; choice 1 is the first. "None of the above" comes after the last. */
  options: string[];
}

export interface Excerpt {
  tokens: string[];
  /** Activation of each token, 0 to 10 on one scale for the whole feature. */
  levels: number[];
}

/** What raters must not see. */
export interface AnnotationKey {
  item: string;
  /** The right choice, from 1; that after the last option when the true description is not among them. */
  answer: number;
  layer: number;
  /** Index into `dictionaries` of the features artifact. */
  dictionary: number;
  feature: number;
  description: string;
  /** Similarity of the features whose descriptions stand beside the true one, in the order of `options`; 1: itself. */
  similarity: number[];
}

/** `items.json` of an `annotation-kit` artifact. Its `kit.html` has the items alone. */
export interface AnnotationKit {
  format: 1;
  /** Digest of the items: what ratings say they belong to. */
  id: string;
  items: AnnotationItem[];
  key: AnnotationKey[];
}

/** What one rater chose for one item. */
export interface Rating {
  rater: string;
  item: string;
  /** From 1; that after the last option is "none of the above". */
  choice: number;
  seconds?: number;
}

/** What scoring needs to know of an item. */
export interface Question {
  item: string;
  /** How many descriptions there were to choose from, "none of the above" not counted. */
  options: number;
  /** The right choice, from 1. */
  answer: number;
}
