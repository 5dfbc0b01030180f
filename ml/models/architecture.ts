import type * as tf from '@tensorflow/tfjs';
import type { AttentionBias } from './parts/attention.ts';
import type { LayerCache } from './parts/key-value-cache.ts';
import type { HookSite } from './types.ts';

/**
 * What an architecture's file provides. Everything that all causal models share (padding, hooks, early stop, incremental
 * decoding) is in causal-model.ts; a new architecture is one file beside gpt-neox.ts and one line in architectures.ts.
 */
export interface Architecture {
  /** `model_type` of config.json. */
  modelType: string;
  /** Reads config.json. Pure. Throws ConfigError for fields that are missing, malformed, or ask for maths it lacks. */
  describe(config: Record<string, unknown>): ModelDescription;
}

export interface ParameterDescription {
  /** The Hugging Face tensor name. */
  name: string;
  shape: number[];
  /** How a new model starts: N(0, initializer_range), or a constant. */
  start: 'normal' | 'zeros' | 'ones';
}

export interface ModelDescription {
  layers: number;
  width: number;
  vocabulary: number;
  maxPositions: number;
  initializerRange: number;
  parameters: ParameterDescription[];
  /** What checkpoints of the bare decoder, saved without its head, leave out of the names: `transformer.`. */
  basePrefix: string;
  /** Tensors in checkpoints that are not parameters: masks and tables that older versions saved. */
  ignored: RegExp;
  blockPrefix(layer: number): string;
  build(parameter: (name: string) => tf.Variable): Network;
}

/** The parts of a model, over flattened positions: N = B T. */
export interface Network {
  /**
   * Prepares what depends on the positions of this pass: rotary tables, ids of learned positions, windows of attention.
   * @param keys how many positions the queries of this pass can look at: `length`, and what is cached
   */
  places(batch: number, length: number, positionIds: Int32Array | null, keys: number): Places;
  embed(ids_N: tf.Tensor1D, places: Places): tf.Tensor2D;
  block(x_ND: tf.Tensor2D, layer: number, pass: Pass): tf.Tensor2D;
  finalNorm(x_ND: tf.Tensor2D): tf.Tensor2D;
  /** W_VD: logits = hidden W^T. */
  unembedding: tf.Tensor2D;
  /** Frees cached tables (not the parameters). */
  dispose?(): void;
}

/** What `Network.places` prepared: known to the network alone. */
export type Places = Record<string, tf.Tensor>;

/** One run through the blocks. */
export interface Pass {
  batch: number;
  length: number;
  places: Places;
  /** null: every query sees every key. */
  bias: AttentionBias | null;
  /** Keys and values of the positions before, by layer, when decoding step by step. */
  caches: LayerCache[] | null;
  /** Whether only what the hooks see is wanted, so that what they may be waiting for is best computed first. */
  observed: boolean;
  /** Gives the activations to the hooks at this site; returns what goes on. */
  hook(site: HookSite, layer: number, acts_ND: tf.Tensor2D): tf.Tensor2D;
}
