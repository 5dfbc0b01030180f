/** Shapes in names: A and B features of the two dictionaries, P pairs. */

/** The best like of every feature of one dictionary in another: several may share one. */
export interface Likes {
  match: number[];
  cosine: number[];
}

/** Features of two dictionaries paired one to one. */
export interface Pairing {
  first: number[];
  second: number[];
  cosine: number[];
  /** Of their activations on the same texts; null where one of the two never fires. Absent: no texts were given. */
  correlation?: (number | null)[];
}

export interface ComparedDictionary {
  digest: string;
  /** The step and point that made it. */
  from: string;
  variant: string;
  layer: number;
  site: string;
  features: number;
  /** Share of the positions at which each feature fires. Absent: no texts were given. [F] */
  density?: number[];
}

/** What two dictionaries have in common. */
export interface ComparedPair {
  /** Indices into `dictionaries`. */
  first: number;
  second: number;
  /** [A] and [B] */
  likesOfFirst: Likes;
  likesOfSecond: Likes;
  /** null: not asked for. */
  assigned: Pairing | null;
  controls: {
    /** [A] largest cosine to the second of as many random directions as the first has features. */
    random: number[];
    /** [A] the same of the first's own rows, their coordinates in another order. */
    permuted: number[];
    /** [P] cosines of the assigned pairs of the same, where pairs were assigned. */
    assignedRandom: number[] | null;
    assignedPermuted: number[] | null;
    /** Correlations of the pairs when their partners are dealt anew. */
    correlation?: (number | null)[];
  };
}

/** matches.json of an artifact `matches`: which features of dictionaries are alike. */
export interface MatchesFile {
  format: 1;
  /** At this cosine and above, features count as partners. */
  threshold: number;
  /** How many positions of how many texts activations were compared on; null: none. */
  texts: { texts: number; positions: number } | null;
  dictionaries: ComparedDictionary[];
  pairs: ComparedPair[];
}
