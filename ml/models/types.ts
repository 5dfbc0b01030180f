import type * as tf from '@tensorflow/tfjs';

/** Shapes in names: B batch, T positions, D width, H heads, V vocabulary, F dictionary features. */

/**
 * Where activations can be read or replaced, all [.., D]. `block_in`, `block_out`: the residual stream before and after the
 * block. `attention_out`, `mlp_out`: what is added to it. `mlp_in`: what the MLP reads, after its norm.
 */
export type HookSite = 'block_in' | 'attention_out' | 'mlp_in' | 'mlp_out' | 'block_out';

/**
 * Called with acts_BTD at the site; a returned tensor replaces them (gradients flow through it). The forward pass frees what
 * it was called with: to have it later, read it (`dataSync`) or `tf.keep(acts_BTD.clone())`.
 */
export interface Hook {
  site: HookSite;
  layer: number;
  run(acts_BTD: tf.Tensor3D): tf.Tensor3D | undefined;
}

export interface ForwardOptions {
  /** 1 for real tokens, 0 for padding [B, T]; left or right padding. Default: all real. Positions follow from it. */
  mask_BT?: tf.Tensor2D;
  hooks?: readonly Hook[];
  /**
   * Keep only the input of each block for the backward pass, and compute the rest again there: less memory for a third more
   * work. Not together with hooks.
   */
  recompute?: boolean;
}

/** A causal language model whose parameters are tf.Variables, keyed by their Hugging Face tensor names. */
export interface LanguageModel {
  readonly architecture: string;
  /** The Hugging Face config.json, as read or as will be written. */
  readonly config: Record<string, unknown>;
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly maxPositions: number;
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  /** After the final norm: hidden_BTD. Differentiable in the parameters. */
  forward(ids_BT: tf.Tensor2D, options?: ForwardOptions): tf.Tensor3D;
  /** Computes as far as the hooks are called, each once, and nothing after the last of them. */
  observe(ids_BT: tf.Tensor2D, hooks: readonly Hook[]): void;
  /** W_VD of the unembedding, logits = hidden W^T; with tied embeddings, the embedding. */
  readonly unembedding: tf.Tensor2D;
  /** The unembedding: hidden [N, D] (or [B, T, D]) -> logits [.., V]. */
  unembed<T extends tf.Tensor>(hidden: T): T;
  /** Prefixes of the parameter names of block l: `gpt_neox.layers.3.`. */
  blockPrefix(layer: number): string;
  /** A new key/value cache for incremental decoding of `batch` rows up to `length` positions. */
  decoder(batch: number, length: number, options?: { hooks?: readonly Hook[] }): Decoder;
  dispose(): void;
}

/** Incremental decoding. Not differentiable. */
export interface Decoder {
  /**
   * Feeds ids_BT (with mask_BT, 1 = real; prompts are left-padded) and returns the logits of the last position
   * [B, V]. The first call takes the prompts, later calls one position a row.
   */
  feed(ids_BT: tf.Tensor2D, mask_BT: tf.Tensor2D): tf.Tensor2D;
  /** Goes on with these rows only, in this order. */
  keep(rows: readonly number[]): void;
  dispose(): void;
}

export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** What to pad with: the pad token, else eos, else 0. */
  readonly padId: number;
  encode(text: string): number[];
  /** Character offsets [start, end) of each token in `text`, same length as encode(text). */
  encodeWithOffsets(text: string): { ids: number[]; offsets: [number, number][] };
  decode(ids: ArrayLike<number>): string;
  /** The surface string of one token, e.g. " good". */
  token(id: number): string;
}
