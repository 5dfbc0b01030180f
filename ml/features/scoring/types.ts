import type { Estimate } from '../../stats/types.ts';

/** What a description is tried by. `detection-hard`: among windows in which similar features are active. */
export type Measure = 'detection' | 'detection-hard' | 'fuzzing' | 'simulation';

/** How well a feature's description tells what it does, on windows that whoever wrote it has not seen. */
export type FeatureScores = Partial<Record<Measure, Score>>;

export interface Score {
  own: Estimate;
  /** The same questions asked with descriptions of other features in its place (control): the mean over them. */
  shuffled?: number;
  /** own - shuffled, paired by window. */
  gap?: Estimate;
}

/** A window with some of its tokens marked. */
export interface MarkedWindow {
  tokens: string[];
  marked: boolean[];
}

/** A yes or no to each window of a question. A call that failed is a failure, not a "no". */
export type Judgement =
  | { status: 'labelled'; answers: boolean[] }
  | { status: 'failed'; code: string; message: string };

/** How strongly a feature so described would be active at each token, 0 to 10. */
export type Simulation =
  | { status: 'labelled'; levels: number[] }
  | { status: 'failed'; code: string; message: string };

/** A window that was asked about: what is so, and what was answered with the own description and with each other one. */
export interface JudgedWindow {
  truth: 'active' | 'silent' | 'neighbour';
  own: boolean | null;
  shuffled: (boolean | null)[];
}

/** A window whose activations were guessed. */
export interface SimulatedWindow {
  activations: number[];
  own: number[] | null;
  shuffled: (number[] | null)[];
}
