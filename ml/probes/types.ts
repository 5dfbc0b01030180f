/** Whose activations a probe reads. */
export const ROLES = ['tuned', 'base', 'random'] as const;
export type Role = (typeof ROLES)[number];

/** Regressions of the value, and classifiers of its sign. */
export type Method = 'ridge' | 'lasso' | 'elastic-net' | 'logistic' | 'logistic-l1';
/** `faithful`: as published. `corrected`: what should be believed. See fit-faithful.ts and fit-corrected.ts. */
export type Protocol = 'faithful' | 'corrected';
/**
 * What the probe sees of a target word, in the order of the tables: dictionary features or the activations themselves, all
 * layers side by side; the principal components of these; what enters the first layer, before any word has met another;
 * and what the text says without a model (text-features.ts).
 */
export const REPRESENTATIONS = ['sae', 'raw', 'pca', 'layer-0', 'bag-of-words', 'tf-idf', 'length'] as const;
export type Representation = (typeof REPRESENTATIONS)[number];
/** `untrained`: random weights (untrained.ts). Shuffled labels and the control task are kept apart, as parts of a fit. */
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
  /** Occurrences of the word, and how many of them are predicted with the right sign. */
  occurrences: Int32Array;
  right: Int32Array;
}

/** What is measured of a reading and of its permutations alike (reading.ts). */
export const SCORES = ['tau', 'spearman', 'pearson', 'auc', 'signAccuracy'] as const;
export type Score = (typeof SCORES)[number];

/** How well the truth, and values drawn for each word at random, are read on words that were fitted (control-task.ts). */
export interface ControlTask {
  truth: { tau: number; signAccuracy: number };
  /** One a task. */
  control: { tau: number[]; signAccuracy: number[] };
  /** What these were computed from, so that words can be drawn anew: what the words are worth, and what was read of them. */
  read: {
    words: string[];
    truth: ControlReading;
    /** One a task, what the words were given in it. */
    tasks: ControlReading[];
  };
}

/** One number a word, in the order of the words; words are compared within a stratum. */
export interface ControlReading {
  values: number[];
  predictions: number[];
  strata: number[];
}

/** `probe.json`: everything that `probe.evaluate` needs. */
export interface ProbeFile {
  format: 3;
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
  /** alpha (regressions) or C (classifiers), one a fold. */
  penalty: number[];
  /** One a row of `rows`: a value (regressions) or log-odds (classifiers), before any rescaling. */
  predictions: number[];
  /** Corrected classifiers: the calibrated probability of a positive value, one a row. */
  probabilities?: number[];
  /** The same fit with the values permuted among word families, read against the permuted values: its chance level. */
  shuffled: Record<Score, number[]>;
  /** Corrected probes only. */
  controlTask?: ControlTask;
}
