/** What is known of dictionary features, as `features.json` of a `features` artifact holds it. */
export interface FeatureSet {
  /** Who wrote the labels, shown wherever they are shown. */
  labeller: LabellerNote;
  /** What `related` was asked about, once classified. */
  task?: string;
  dictionaries: DictionarySurvey[];
  features: Feature[];
}

export interface DictionarySurvey {
  digest: string;
  from: string;
  layer: number;
  width: number;
  features: number;
  /** Of every latent over the positions surveyed, for controls matched in activity: mean activation, share active. [F] */
  means: number[];
  densities: number[];
}

export interface LabellerNote {
  type: 'lexicon' | 'openai';
  /** `gpt-4o-mini-2024-07-18`, or the lexicon's name. */
  name: string;
  note: string;
}

export interface Feature {
  /** Index into `dictionaries`. */
  dictionary: number;
  layer: number;
  /** Index of the latent in its dictionary. */
  feature: number;
  /** Share of real token positions at which it is active. */
  density: number;
  /** Largest activation over the texts sampled: the scale of every example. */
  max: number;
  /** Mean activation over all real positions. */
  mean: number;
  /** Shown to whoever explains. */
  examples: FeatureExample[];
  /** Never shown to whoever explains: for scoring. */
  heldOut: FeatureExample[];
  explanation?: Explanation;
  relation?: Relation;
}

export interface FeatureExample {
  /** Surface tokens of a window around the strongest position. */
  tokens: string[];
  /** Activations, aligned with `tokens`. */
  activations: number[];
  /** Quantile of the example's peak among the feature's active texts, 1 = strongest. */
  quantile: number;
}

/** A call that failed is a failure, not an empty explanation. */
export type Explanation =
  | { status: 'labelled'; text: string }
  | { status: 'failed'; code: string; message: string };

export type Relation =
  | { status: 'labelled'; answer: 'related' | 'unrelated' | 'unsure'; reason: string }
  | { status: 'failed'; code: string; message: string };
