import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { withoutRadialPart, withoutRowNorms, withUnitRows } from './decoder-norm.ts';
import type { InferenceWeights, ParameterName } from './types.ts';

export interface UntiedOptions {
  /** Whether decoder rows are kept at unit norm. Default true. */
  unitNorm?: boolean;
  /** Whether the encoder reads x - b_dec. Default true. */
  subtractsDecoderBias?: boolean;
}

/**
 * What the variants share that have a decoder of their own: their parameters, and what keeps its rows at unit norm. Where
 * rows are free, features are given out, and dictionaries made, as if they were not: f * ||row|| along row / ||row||, the same
 * reconstruction, in which an activation is as long as what it writes (Anthropic, "Update on how we train SAEs", April 2024).
 */
export abstract class UntiedParameters {
  readonly subtractsDecoderBias: boolean;
  readonly parameters = new Map<ParameterName, tf.Variable>();
  protected readonly unitNorm: boolean;
  protected readonly encoder_FD: tf.Variable<tf.Rank.R2>;
  protected readonly decoder_FD: tf.Variable<tf.Rank.R2>;
  protected readonly encoderBias_F: tf.Variable<tf.Rank.R1>;
  protected readonly decoderBias_D: tf.Variable<tf.Rank.R1>;

  constructor(
    readonly width: number,
    readonly features: number,
    weights: InferenceWeights,
    { unitNorm = true, subtractsDecoderBias = true }: UntiedOptions = {},
  ) {
    const tf = tensorflow();
    this.unitNorm = unitNorm;
    this.subtractsDecoderBias = subtractsDecoderBias;
    this.encoder_FD = tf.variable(tf.tensor2d(weights.encoder_FD, [features, width]));
    this.decoder_FD = tf.variable(tf.tensor2d(weights.decoder_FD, [features, width]));
    this.encoderBias_F = tf.variable(tf.tensor1d(weights.encoderBias_F));
    this.decoderBias_D = tf.variable(tf.tensor1d(weights.decoderBias_D));
    this.parameters.set('encoder', this.encoder_FD);
    this.parameters.set('decoder', this.decoder_FD);
    this.parameters.set('encoder_bias', this.encoderBias_F);
    this.parameters.set('decoder_bias', this.decoderBias_D);
  }

  decode(features_BF: tf.Tensor2D): tf.Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() => {
      const rows_FD = this.unitNorm ? this.decoder_FD : withUnitRows(this.decoder_FD);
      return tf.matMul(features_BF, rows_FD).add<tf.Tensor2D>(this.decoderBias_D);
    });
  }

  inferenceWeights(): InferenceWeights {
    const weights = {
      encoder_FD: this.encoder_FD.dataSync() as Float32Array,
      decoder_FD: this.decoder_FD.dataSync() as Float32Array,
      encoderBias_F: this.encoderBias_F.dataSync() as Float32Array,
      decoderBias_D: this.decoderBias_D.dataSync() as Float32Array,
      ...this.activationWeights(),
    };
    return this.unitNorm ? weights : withoutRowNorms(weights, this.width);
  }

  /** What the activation adds to the dictionary, or has in place of the encoder's weights. */
  protected activationWeights(): Partial<InferenceWeights> {
    return {};
  }

  constrainGradients(gradients: Map<ParameterName, tf.Tensor>): void {
    if (!this.unitNorm) return;
    const gradient_FD = gradients.get('decoder') as tf.Tensor2D;
    gradients.set('decoder', withoutRadialPart(gradient_FD, this.decoder_FD));
    gradient_FD.dispose();
  }

  constrainParameters(): void {
    if (!this.unitNorm) return;
    const rows_FD = withUnitRows(this.decoder_FD);
    this.decoder_FD.assign(rows_FD);
    rows_FD.dispose();
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }

  /** x_hat of activations as trained, the rows' norms not in them. */
  protected decodeRaw(features_BF: tf.Tensor2D): tf.Tensor2D {
    return tensorflow().matMul(features_BF, this.decoder_FD).add<tf.Tensor2D>(this.decoderBias_D);
  }

  /** What the encoder reads. */
  protected input(acts_BD: tf.Tensor2D): tf.Tensor2D {
    return this.subtractsDecoderBias ? acts_BD.sub<tf.Tensor2D>(this.decoderBias_D) : acts_BD;
  }

  /**
   * dloss/db_dec: also by way of the encoder, where it reads x - b_dec.
   *
   * @param direct_D by way of the reconstruction: sum over rows of dloss/dx_hat
   * @param encoderBiasGradient_F sum over rows of dloss/dpre
   */
  protected decoderBiasGradient(direct_D: tf.Tensor1D, encoderBiasGradient_F: tf.Tensor1D): tf.Tensor1D {
    return this.subtractsDecoderBias ? direct_D.add(this.inputBiasGradient(encoderBiasGradient_F)) : direct_D;
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
