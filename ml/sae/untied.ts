import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { withoutRadialPart, withUnitRows } from './decoder-norm.ts';
import type { InferenceWeights, ParameterName } from './types.ts';

/**
 * What the variants share whose decoder is free but for its unit norm, and whose encoder reads x - b_dec: their
 * parameters, and what keeps the norm.
 */
export abstract class UntiedParameters {
  readonly subtractsDecoderBias = true;
  readonly parameters: ReadonlyMap<ParameterName, tf.Variable>;
  protected readonly encoder_FD: tf.Variable<tf.Rank.R2>;
  protected readonly decoder_FD: tf.Variable<tf.Rank.R2>;
  protected readonly encoderBias_F: tf.Variable<tf.Rank.R1>;
  protected readonly decoderBias_D: tf.Variable<tf.Rank.R1>;

  constructor(
    readonly width: number,
    readonly features: number,
    weights: InferenceWeights,
  ) {
    const tf = tensorflow();
    this.encoder_FD = tf.variable(tf.tensor2d(weights.encoder_FD, [features, width]));
    this.decoder_FD = tf.variable(tf.tensor2d(weights.decoder_FD, [features, width]));
    this.encoderBias_F = tf.variable(tf.tensor1d(weights.encoderBias_F));
    this.decoderBias_D = tf.variable(tf.tensor1d(weights.decoderBias_D));
    this.parameters = new Map<ParameterName, tf.Variable>([
      ['encoder', this.encoder_FD],
      ['decoder', this.decoder_FD],
      ['encoder_bias', this.encoderBias_F],
      ['decoder_bias', this.decoderBias_D],
    ]);
  }

  inferenceWeights(): InferenceWeights {
    return {
      encoder_FD: this.encoder_FD.dataSync() as Float32Array,
      decoder_FD: this.decoder_FD.dataSync() as Float32Array,
      encoderBias_F: this.encoderBias_F.dataSync() as Float32Array,
      decoderBias_D: this.decoderBias_D.dataSync() as Float32Array,
    };
  }

  constrainGradients(gradients: Map<ParameterName, tf.Tensor>): void {
    const gradient_FD = gradients.get('decoder') as tf.Tensor2D;
    gradients.set('decoder', withoutRadialPart(gradient_FD, this.decoder_FD));
    gradient_FD.dispose();
  }

  constrainParameters(): void {
    const rows_FD = withUnitRows(this.decoder_FD);
    this.decoder_FD.assign(rows_FD);
    rows_FD.dispose();
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }

  /**
   * What the encoder adds to the decoder bias' gradient by reading x - b_dec: -(sum over rows of dloss/dpre) W_enc. [D]
   * That sum is the encoder bias' gradient, so this costs the product of one vector, not of the batch.
   */
  protected inputBiasGradient(encoderBiasGradient_F: tf.Tensor1D): tf.Tensor1D {
    const tf = tensorflow();
    return tf.tidy(() =>
      tf
        .matMul(encoderBiasGradient_F.expandDims<tf.Tensor2D>(0), this.encoder_FD)
        .squeeze<tf.Tensor1D>([0])
        .neg(),
    );
  }
}
