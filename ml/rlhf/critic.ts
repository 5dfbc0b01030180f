import type * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import { type PackedSequences, responseHidden } from './sequences.ts';
import { ValueHead, type ValueHeadStart } from './value-head.ts';

/**
 * Values of response positions: a head on the policy's trunk, as in TRL 0.7.11, or on a trunk of its own that starts as a copy
 * of the model, as in Ziegler et al. (arXiv 1909.08593), section 2.2, and TRL from 0.12 on. A trunk of its own costs a second
 * forward and backward pass, and the value loss then moves nothing in the policy.
 */
export class Critic {
  /** What the value loss moves, by name, but the policy's trunk. */
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  private readonly head: ValueHead;

  /** @param trunk null: the policy's. The caller frees it. */
  constructor(
    width: number,
    private readonly trunk: LanguageModel | null,
    start: ValueHeadStart,
    draws: RandomStream,
  ) {
    this.head = new ValueHead(width, start, draws);
    const ofTrunk = [...(trunk?.parameters ?? [])].filter(([name]) => !UNEMBEDDINGS.has(name));
    this.parameters = new Map([
      ...this.head.parameters,
      ...ofTrunk.map(([name, parameter]) => [`value_model.${name}`, parameter] as const),
    ]);
  }

  /** Differentiable. @param hidden_ND of the policy at the response positions of `packed` */
  values(
    hidden_ND: tf.Tensor2D,
    packed: PackedSequences,
    dropped?: Parameters<ValueHead['values']>[1],
  ): tf.Tensor1D {
    const input_ND = this.trunk ? responseHidden(this.trunk, packed) : hidden_ND;
    return this.head.values(input_ND, dropped);
  }

  dispose(): void {
    this.head.dispose();
  }
}

/** Not part of a trunk; where it is the embedding, it goes by that name. */
const UNEMBEDDINGS: ReadonlySet<string> = new Set(['lm_head.weight', 'embed_out.weight']);
