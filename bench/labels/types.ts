/** A feature with the windows that it is explained and tried by: as many of each as SAEBench shows. */
export interface BenchFeature {
  feature: number;
  explaining: BenchWindow[];
  scoring: BenchWindow[];
}

export interface BenchWindow {
  tokens: string[];
  activations: number[];
}

/** What a side made of a feature. null: no label, no judgement. */
export interface BenchLabel {
  feature: number;
  label: string | null;
  /** Of each window for scoring, whether it was judged active. */
  answers: boolean[] | null;
}
