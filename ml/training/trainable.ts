import type * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from '../models/types.ts';

/** What training moves of a model: all of its parameters, or low-rank changes to some of its matrices (lora.ts). */
export interface Trainable {
  readonly model: LanguageModel;
  /** The variables that an optimiser moves and a checkpoint holds, by name. */
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  /** The model's parameters whose gradients `project` needs, by name. */
  readonly differentiated: ReadonlyMap<string, tf.Variable>;
  /**
   * Gradients in `differentiated` become gradients in `parameters`. Frees those that it replaces; passes on those of names
   * that it does not know (of a head on top of the model).
   */
  project(gradients: ReadonlyMap<string, tf.Tensor>): Map<string, tf.Tensor>;
  /** To be called when `parameters` have changed: the model follows. */
  moved(): void;
  /** Frees what this added to the model; the model keeps its weights as they are. */
  dispose(): void;
}

/** Every parameter of the model moves. */
export function fullTraining(model: LanguageModel): Trainable {
  return {
    model,
    parameters: model.parameters,
    differentiated: model.parameters,
    project: (gradients) => new Map(gradients),
    moved: () => undefined,
    dispose: () => undefined,
  };
}
