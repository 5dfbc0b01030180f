/** One parameter tensor of a block, as the base model and as the tuned model have it. */
export interface TensorPair {
  /** Hugging Face tensor name. */
  name: string;
  base: Float32Array;
  tuned: Float32Array;
}

/** How far one tensor has moved. */
export interface TensorChange {
  name: string;
  elements: number;
  /** Frobenius norm of tuned - base. */
  difference: number;
  /** Frobenius norm of base. */
  base: number;
}

/** How far one block has moved, by both measures, over all of its tensors and over those of its MLP alone. */
export interface LayerDivergence {
  layer: number;
  frobenius: number;
  relative: number;
  mlpFrobenius: number;
  mlpRelative: number;
  tensors: TensorChange[];
}
