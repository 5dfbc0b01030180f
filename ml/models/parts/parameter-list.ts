import type * as tf from '@tensorflow/tfjs';
import type { ParameterDescription } from '../architecture.ts';

/** Lists the parameters of a model in the order of its layers. */
export class ParameterList {
  readonly entries: ParameterDescription[] = [];

  /** Starts as N(0, initializer_range). */
  matrix(name: string, rows: number, columns: number): void {
    this.entries.push({ name, shape: [rows, columns], start: 'normal' });
  }

  vector(name: string, size: number, start: 'zeros' | 'ones' = 'zeros'): void {
    this.entries.push({ name, shape: [size], start });
  }

  /** `name.weight` [outputs, inputs], and `name.bias` if it has one. */
  linear(name: string, outputs: number, inputs: number, biased: boolean): void {
    this.matrix(`${name}.weight`, outputs, inputs);
    if (biased) this.vector(`${name}.bias`, outputs);
  }

  /** Gain and bias of a layer normalisation. */
  layerNorm(name: string, width: number): void {
    this.vector(`${name}.weight`, width, 'ones');
    this.vector(`${name}.bias`, width);
  }
}

/** A model's parameters by name, as the tensors that they are used as. */
export interface ParameterAccess {
  matrix(name: string): tf.Tensor2D;
  vector(name: string): tf.Tensor1D;
}

export const parameterAccess = (parameter: (name: string) => tf.Variable): ParameterAccess => ({
  matrix: (name) => parameter(name) as unknown as tf.Tensor2D,
  vector: (name) => parameter(name) as unknown as tf.Tensor1D,
});
