import type { LogitEffects } from './logit-effects.ts';
import type { FeatureScores } from './scoring/types.ts';

/** What is known of dictionary features, as `features.json` of a `features` artifact holds it. */
export interface FeatureSet {
  /** Who wrote the labels, shown wherever they are shown. */
  labeller: LabellerNote;
  /** How excerpts were chosen and which question was asked. */
  protocol: 'faithful' | 'corrected';
  prompt: PromptForm;
  /** Texts are split before any excerpt is chosen: none is both shown to whoever explains and used to score. */
  split: { explaining: number; scoring: number };
  /** Who judged whether descriptions hold, once scored. */
  scorer?: LabellerNote;
  /** What `related` was asked about, once classified, and whom. */
  task?: string;
  raters?: LabellerNote[];
  dictionaries: DictionarySurvey[];
  features: Feature[];
}

/** How a question is put: as the paper did (Marks et al. 2024, section 3.4), or as is usual now. */
export type PromptForm = 'paper' | 'modern';

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
  /** Never shown to whoever explains, for scoring: windows in which the feature is active, ... */
  heldOut: FeatureExample[];
  /** ... others in which it is silent, drawn at random, ... */
  silent: FeatureExample[];
  /** ... and others in which it is silent though a feature that writes a similar direction is active. */
  hard: FeatureExample[];
  /** Tokens that it makes more and less likely; absent where its dictionary writes to no residual stream. */
  logits?: LogitEffects;
  explanation?: Explanation;
  scores?: FeatureScores;
  relation?: Relation;
  /** One a rater, in the order of `raters`; `relation` is what most of them say. */
  ratings?: Relation[];
}

export interface FeatureExample {
  /** Surface tokens of a window of one text. */
  tokens: string[];
  /** Activations, aligned with `tokens`. */
  activations: number[];
  /** Quantile of the example's peak among the feature's active texts, 1 = strongest; 0 where it is silent. */
  quantile: number;
  /** Index of the text in the data. */
  text: number;
  draw: ExampleDraw;
  /** Of a hard negative: the index of the similar latent that is active here. */
  neighbour?: number;
}

/** How a window was come by: a strongest text, a quantile of active texts, any text, or a neighbour's active text. */
export type ExampleDraw = 'top' | 'quantile' | 'random' | 'neighbour';

/** A call that failed is a failure, not an empty explanation. */
export type Explanation =
  | { status: 'labelled'; text: string }
  | { status: 'failed'; code: string; message: string };

export type Relation =
  | { status: 'labelled'; answer: 'related' | 'unrelated' | 'unsure'; reason: string }
  | { status: 'failed'; code: string; message: string };
