import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import type { RandomStream } from '../random/stream.ts';

/**
 * V = w . hidden + b on the hidden state after the final norm, sharing the policy's trunk. Named as in TRL 0.7.11
 * (`v_head.summary`). Start: `uniform`, PyTorch's default for a linear layer, U(-1/sqrt(D), 1/sqrt(D)) for w and b, as in
 * TRL; or `zeros`, so that before the first update V is 0 and moves nothing in the trunk.
 */
export type ValueHeadStart = 'uniform' | 'zeros';

export class ValueHead {
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  private readonly weight: tf.Variable;
  private readonly bias: tf.Variable;

  constructor(width: number, start: ValueHeadStart, stream: RandomStream) {
    const tf = tensorflow();
    const bound = 1 / Math.sqrt(width);
    const draw = () => (start === 'zeros' ? 0 : (2 * stream.uniform() - 1) * bound);
    this.weight = tf.variable(tf.tensor2d(Float32Array.from({ length: width }, draw), [1, width]));
    this.bias = tf.variable(tf.tensor1d([draw()]));
    this.parameters = new Map([
      ['v_head.summary.weight', this.weight],
      ['v_head.summary.bias', this.bias],
    ]);
  }

  /**
   * Values of N positions. Differentiable in the head and in hidden_ND.
   * @param dropped with `dropout` p: every input is zeroed with probability p and the rest is scaled by 1/(1-p), drawn
   *   from `stream`
   */
  values(hidden_ND: tf.Tensor2D, dropped?: { dropout: number; stream: RandomStream }): tf.Tensor1D {
    const input_ND = dropped?.dropout ? drop(hidden_ND, dropped) : hidden_ND;
    const weight = this.weight as unknown as tf.Tensor2D;
    return linear(input_ND, weight, this.bias as unknown as tf.Tensor1D).reshape([hidden_ND.shape[0]]);
  }

  dispose(): void {
    this.weight.dispose();
    this.bias.dispose();
  }
}

function drop(
  hidden_ND: tf.Tensor2D,
  { dropout, stream }: { dropout: number; stream: RandomStream },
): tf.Tensor2D {
  const kept = 1 / (1 - dropout);
  const mask = Float32Array.from({ length: hidden_ND.size }, () => (stream.uniform() < dropout ? 0 : kept));
  return hidden_ND.mul(tensorflow().tensor2d(mask, hidden_ND.shape));
}
