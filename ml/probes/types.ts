/** Whose activations a probe reads. */
export const ROLES = ['tuned', 'base', 'random'] as const;
export type Role = (typeof ROLES)[number];

export type Method = 'ridge' | 'logistic';
/** `faithful`: as published. `corrected`: what should be believed. See fit-faithful.ts and fit-corrected.ts. */
export type Protocol = 'faithful' | 'corrected';
/** What the probe sees of a target word: dictionary features or the activations themselves, all layers side by side. */
export type Representation = 'sae' | 'raw';
/** `untrained`: random weights, the published baseline. Shuffled labels are kept apart, as `shuffled` of a fit. */
export type Control = 'none' | 'untrained';

/** One target word in its context: a positive or a negative text of a triple. */
export interface ProbeRow {
  /** Index of the triple. */
  triple: number;
  member: 'positive' | 'negative';
  /** Lower case. */
  word: string;
  /** What the word is worth to the feedback: the truth that predictions are compared with. Never 0. */
  value: number;
  fold: number;
  split: 'train' | 'test';
}

/** What a probe says of words that it was not fitted on. The unit of every statistic. */
export interface Reading {
  words: string[];
  /** One a word. */
  values: Float64Array;
  /** Mean prediction over the word's occurrences. */
  predictions: Float64Array;
  /** Words are compared within a stratum only: predictions of different fits have different offsets. */
  strata: Int32Array;
}

/** `probe.json`: everything that `probe.evaluate` needs. */
export interface ProbeFile {
  format: 1;
  role: Role;
  method: Method;
  protocol: Protocol;
  seed: number;
  /** Digests of what it was fitted on. */
  model: string;
  triples: string;
  dictionaries: { digest: string; layer: number; variant: string; features: number }[];
  /** The layers read, ascending. */
  layers: number[];
  /** What the values mean. */
  feedback: string;
  /** Rows that predictions are given for: never rows that the fit has seen. */
  rows: {
    triple: number[];
    member: ('positive' | 'negative')[];
    word: string[];
    value: number[];
    fold: number[];
  };
  fits: Fit[];
}

export interface Fit {
  representation: Representation;
  control: Control;
  /** Number of inputs. */
  features: number;
  /** Rows (faithful) or words (corrected) fitted on, one a fold. */
  fittedOn: number[];
  /** alpha (ridge) or C (logistic), one a fold. */
  penalty: number[];
  /** One a row of `rows`: a value (ridge) or log-odds (logistic), before any rescaling. */
  predictions: number[];
  /** The same fit with the values permuted among word families, read against the permuted values: its chance level. */
  shuffled: { tau: number[]; signAccuracy: number[] };
}
