import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { firedWhere } from './dead-latents.ts';
import { rowNorms, withoutRowNorms, withUnitRows } from './decoder-norm.ts';
import type { Activation } from './dictionary.ts';
import type { InferenceWeights, ParameterName, SparseAutoencoder, StepContext, StepResult } from './types.ts';
import { normPenalty, weighedL1Gradients } from './weighed-l1.ts';

/**
 * A transcoder stands for a part of the model: it reads x at one place and reconstructs y at another, as a rule what an MLP
 * reads and what it writes (Dunefsky et al., "Transcoders find interpretable LLM feature circuits", 2024, eq. 4-6; the maps are
 * those of SAELens' Transcoder and SkipTranscoder):
 *
 *   f     = relu(x W_enc^T + b_enc);  no bias is subtracted from x
 *   y_hat = f W_dec + b_dec,  rows d_i of W_dec of any norm
 *   loss  = mean over rows of ||y - y_hat||^2  +  l1 * s * mean over rows of sum_i f_i ||d_i||
 *
 * With `skip`, y_hat has x W_skip^T too, an affine part that starts at 0 (Paulo et al., "Transcoders beat sparse
 * autoencoders for interpretability", 2025, section 3). s is the sparsity warm-up. Dunefsky et al. weigh f alone; weighed
 * by the rows' norms, as here, the rows need no constraint (`april`).
 *
 * Defaults: l1 0.1 for activations of mean square norm 1; Adam 0.001, gradients clipped at norm 1; encoder and decoder start as
 * random rows of norm 1 and 0.1, the decoder's bias at the mean of y.
 */
export interface TranscoderOptions {
  l1: number;
}

/** `skip_ED` [E, D]: absent without a skip connection. */
export type TranscoderWeights = InferenceWeights & { skip_ED?: Float32Array };

export class Transcoder implements SparseAutoencoder {
  readonly variant = 'transcoder';
  readonly activation: Activation = { type: 'relu' };
  readonly subtractsDecoderBias = false;
  readonly parameters = new Map<ParameterName, tf.Variable>();
  private readonly encoder_FD: tf.Variable<tf.Rank.R2>;
  private readonly decoder_FE: tf.Variable<tf.Rank.R2>;
  private readonly encoderBias_F: tf.Variable<tf.Rank.R1>;
  private readonly decoderBias_E: tf.Variable<tf.Rank.R1>;
  private readonly skip_ED: tf.Variable<tf.Rank.R2> | null;

  /** @param outputWidth E */
  constructor(
    readonly width: number,
    readonly outputWidth: number,
    readonly features: number,
    weights: TranscoderWeights,
    private readonly options: TranscoderOptions,
  ) {
    const tf = tensorflow();
    this.encoder_FD = tf.variable(tf.tensor2d(weights.encoder_FD, [features, width]));
    this.decoder_FE = tf.variable(tf.tensor2d(weights.decoder_FD, [features, outputWidth]));
    this.encoderBias_F = tf.variable(tf.tensor1d(weights.encoderBias_F));
    this.decoderBias_E = tf.variable(tf.tensor1d(weights.decoderBias_D));
    this.skip_ED = weights.skip_ED ? tf.variable(tf.tensor2d(weights.skip_ED, [outputWidth, width])) : null;
    this.parameters.set('encoder', this.encoder_FD);
    this.parameters.set('decoder', this.decoder_FE);
    this.parameters.set('encoder_bias', this.encoderBias_F);
    this.parameters.set('decoder_bias', this.decoderBias_E);
    if (this.skip_ED) this.parameters.set('skip', this.skip_ED);
  }

  encode(acts_BD: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() =>
      linear(acts_BD, this.encoder_FD, this.encoderBias_F).relu().mul<tf.Tensor2D>(rowNorms(this.decoder_FE)),
    );
  }

  /** Without the skip connection, which features do not say. */
  decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() =>
      tf.matMul(features_BF, withUnitRows(this.decoder_FE)).add<tf.Tensor2D>(this.decoderBias_E),
    );
  }

  backward(acts_BD: tf.Tensor2D, { sparsity, target_BE }: StepContext): StepResult {
    const tf = tensorflow();
    if (!target_BE) throw new Error('A transcoder needs something else to reconstruct than it reads');
    const { losses, sums_F, ...gradients } = tf.tidy(() => {
      const { encoder_FD, encoderBias_F, decoder_FE, decoderBias_E, skip_ED } = this;
      const { gradient_BE, ...result } = weighedL1Gradients({
        ...{ input_BD: acts_BD, target_BE, encoder_FD, encoderBias_F, decoder_FE, decoderBias_E },
        ...(skip_ED && { skip_ED }),
        penalty: normPenalty(decoder_FE),
        l1: this.options.l1 * sparsity,
      });
      return skip_ED ? { ...result, skip: tf.matMul(gradient_BE, acts_BD, true) } : result;
    });
    const fired_F = firedWhere(sums_F.dataSync());
    sums_F.dispose();
    return { losses, gradients: new Map(Object.entries(gradients) as [ParameterName, tf.Tensor][]), fired_F };
  }

  inferenceWeights(): InferenceWeights {
    const weights = {
      encoder_FD: this.encoder_FD.dataSync() as Float32Array,
      decoder_FD: this.decoder_FE.dataSync() as Float32Array,
      encoderBias_F: this.encoderBias_F.dataSync() as Float32Array,
      decoderBias_D: this.decoderBias_E.dataSync() as Float32Array,
      ...(this.skip_ED && { skip_ED: this.skip_ED.dataSync() as Float32Array }),
    };
    return withoutRowNorms(weights, this.width, this.outputWidth);
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }
}
