import type * as tf from '@tensorflow/tfjs';

/** Moments by name, for checkpoints; fits `LoopState` of compute. */
export interface OptimiserState {
  tensors: Record<string, { dtype: 'F32'; shape: number[]; data: Float32Array }>;
  json: { steps: number };
}

export interface Optimiser {
  /**
   * One update of every parameter that has a gradient, at learning rate `rate`. Does not free the gradients.
   * @throws Error when a gradient belongs to no parameter
   */
  step(grads: ReadonlyMap<string, tf.Tensor>, rate: number): void;
  /** Everything that later steps depend on, besides the parameters. */
  state(): OptimiserState;
  load(state: OptimiserState): void;
  dispose(): void;
}
