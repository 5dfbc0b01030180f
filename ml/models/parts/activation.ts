import type * as tf from '@tensorflow/tfjs';
import { gelu, geluTanh } from '../../engine/gelu.ts';
import { ConfigError } from '../config.ts';

/** The activations of MLPs, by their Hugging Face names. */
export function activation(name: string): (x: tf.Tensor2D) => tf.Tensor2D {
  switch (name) {
    case 'gelu':
      return gelu;
    case 'gelu_new':
    case 'gelu_fast':
    case 'gelu_pytorch_tanh':
      return geluTanh;
    case 'relu':
      return (x) => x.relu();
    case 'silu':
      return (x) => x.mul(x.sigmoid());
    default:
      throw new ConfigError(
        `config.json: the activation "${name}" is not supported (gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, relu, silu are)`,
      );
  }
}
