import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { firedWhere } from './dead-latents.ts';
import { withUnitRows } from './decoder-norm.ts';
import type { Activation } from './dictionary.ts';
import { reluGradients } from './relu-gradients.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';

/**
 * The tied L1 autoencoder of "Interpreting Learned Feedback Patterns in Large Language Models" (Marks et al. 2024, section
 * 3.3, and the code released with it):
 *
 *   f     = relu(W x + b_enc),  rows of W of unit norm; no bias is subtracted from x
 *   x_hat = W^T f + b_dec
 *   loss  = mean over all elements of (x - x_hat)^2  +  l1 * mean over rows of ||f||_1
 *
 * The mean runs over the D coordinates too, so l1 weighs D times as much as beside a squared norm (`standard`): the
 * published 0.001 is 0.5 there for D = 512.
 *
 * Two ways to keep the norms, both of which were used: `in-place` overwrites the weights with their normalised copy, no
 * gradient flowing through the norm (the code as released, Xavier-uniform start); `in-graph` normalises inside the
 * function that is differentiated (the 2023 version behind the published lexicon results, orthogonal start).
 *
 * Defaults: l1 0.001, Adam 0.001, constant rate, no clipping, `in-place`.
 */
export interface L1TiedOptions {
  l1: number;
  norm: 'in-place' | 'in-graph';
}

export const L1_TIED_DEFAULTS: L1TiedOptions = { l1: 0.001, norm: 'in-place' };

export class L1TiedAutoencoder implements SparseAutoencoder {
  readonly variant = 'l1-tied';
  readonly subtractsDecoderBias = false;
  readonly activation: Activation = { type: 'relu' };
  readonly parameters: ReadonlyMap<ParameterName, tf.Variable>;
  private readonly weights_FD: tf.Variable<tf.Rank.R2>;
  private readonly encoderBias_F: tf.Variable<tf.Rank.R1>;
  private readonly decoderBias_D: tf.Variable<tf.Rank.R1>;

  /** @param weights `decoder_FD` is not read: it is tied to the encoder */
  constructor(
    readonly width: number,
    readonly features: number,
    weights: Omit<InferenceWeights, 'decoder_FD'>,
    private readonly options: L1TiedOptions,
  ) {
    const tf = tensorflow();
    this.weights_FD = tf.variable(tf.tensor2d(weights.encoder_FD, [features, width]));
    this.encoderBias_F = tf.variable(tf.tensor1d(weights.encoderBias_F));
    this.decoderBias_D = tf.variable(tf.tensor1d(weights.decoderBias_D));
    this.parameters = new Map<ParameterName, tf.Variable>([
      ['encoder', this.weights_FD],
      ['encoder_bias', this.encoderBias_F],
      ['decoder_bias', this.decoderBias_D],
    ]);
    this.constrainParameters();
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => linear(acts_BD, this.rows(), this.encoderBias_F).relu());
  }

  decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => tf.matMul(features_BF, this.rows()).add<tf.Tensor2D>(this.decoderBias_D));
  }

  backward(acts_BD: tf.Tensor2D, { sparsity }: StepContext): StepResult {
    const tf = tensorflow();
    const [B, D] = acts_BD.shape;
    const l1 = this.options.l1 * sparsity;
    const { losses, sums_F, ...gradients } = tf.tidy(() => {
      const rows_FD = this.rows();
      const features_BF = linear(acts_BD, rows_FD, this.encoderBias_F).relu<tf.Tensor2D>();
      const error_BD = tf.tidy(() =>
        acts_BD.sub<tf.Tensor2D>(tf.matMul(features_BF, rows_FD).add(this.decoderBias_D)),
      );
      const reconstruction = error_BD.square().mean<tf.Scalar>();
      const sums_F = features_BF.sum<tf.Tensor1D>(0);
      const sum = sums_F.sum().div<tf.Scalar>(B);
      const slopes = reluGradients(acts_BD, features_BF, error_BD.mul(-2 / (B * D)), rows_FD, l1 / B);
      const tied_FD = slopes.encoder_FD.add<tf.Tensor2D>(slopes.decoder_FD);
      return {
        losses: { loss: reconstruction.add<tf.Scalar>(sum.mul(l1)), reconstruction, l1: sum },
        sums_F,
        encoder: this.options.norm === 'in-graph' ? this.throughNorm(tied_FD, rows_FD) : tied_FD,
        encoder_bias: slopes.encoderBias_F,
        decoder_bias: slopes.decoderBias_D,
      };
    });
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    return {
      losses,
      gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]),
      fired_F,
    };
  }

  inferenceWeights(): InferenceWeights {
    const rows = dataOf(() => this.rows().clone());
    return {
      encoder_FD: rows,
      decoder_FD: rows,
      encoderBias_F: this.encoderBias_F.dataSync() as Float32Array,
      decoderBias_D: this.decoderBias_D.dataSync() as Float32Array,
    };
  }

  /** Normalising after each step is the same as before each use, the starting weights being normalised too. */
  constrainParameters(): void {
    if (this.options.norm === 'in-graph') return;
    const rows_FD = withUnitRows(this.weights_FD);
    this.weights_FD.assign(rows_FD);
    rows_FD.dispose();
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }

  private rows(): tf.Tensor2D {
    return this.options.norm === 'in-graph' ? withUnitRows(this.weights_FD) : this.weights_FD;
  }

  /** dloss/dW from dloss/du, u = W / ||W||: (dloss/du - (dloss/du . u) u) / ||W||. */
  private throughNorm(gradient_FD: tf.Tensor2D, unit_FD: tf.Tensor2D): tf.Tensor2D {
    const along_F1 = gradient_FD.mul(unit_FD).sum(1, true);
    const norms_F1 = this.weights_FD.square().sum(1, true).sqrt();
    return gradient_FD.sub(unit_FD.mul(along_F1)).div(norms_F1);
  }
}
