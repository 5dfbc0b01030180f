import type * as tf from '@tensorflow/tfjs';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import type { OptimiserState } from '../optimisers/types.ts';
import type { RandomStream } from '../random/stream.ts';
import type { SparseAutoencoder } from './types.ts';

/**
 * Dead features start anew as what is reconstructed worst (Bricken et al., "Towards Monosemanticity", 2023, appendix
 * "Neuron resampling"). For each, an activation x of the batch is drawn without replacement, and
 *
 *   decoder row <- u,  encoder row <- 0.2 * mean norm of living encoder rows * u,  encoder bias <- 0,  Adam's moments <- 0
 *
 * with u = x / ||x||, x being what the encoder reads. Tied rows become u. The forms differ in how likely x is drawn:
 *
 *   squared-error        in proportion to ||x - x_hat||^2, the default
 *   squared-loss         in proportion to ||x - x_hat||^4, the square of the loss, as the appendix has it
 *   dictionary-learning  in proportion to ||x - x_hat||; and encoder rows are 0.2 * norm * x, of any length, where x is the
 *                        activation even if the encoder reads x - b_dec
 */
export type ResamplingForm = 'squared-error' | 'squared-loss' | 'dictionary-learning';

export interface ResamplingOptions {
  /** After each so many steps, but not after step 0. */
  every: number;
  /** Not after this step (0-based) any more, so that the new features have time to settle. */
  until: number;
  form: ResamplingForm;
  /** Draws `count` rows at most without replacement, in proportion to their weights. */
  draw(step: number, weights_B: Float32Array, count: number): Int32Array;
}

export const resamplesAfter = ({ every, until }: ResamplingOptions, step: number): boolean =>
  step > 0 && step <= until && step % every === 0;

const ENCODER_SHARE = 0.2;

/** Starts dead features anew, the first of them if there are more than rows. Returns which. */
export function resample(
  autoencoder: SparseAutoencoder,
  acts_BD: tf.Tensor2D,
  dead: Int32Array,
  step: number,
  { form, draw }: ResamplingOptions,
): Int32Array {
  const tf = tensorflow();
  const [B, D] = acts_BD.shape;
  const squares_B = dataOf(() =>
    tf.squaredDifference(acts_BD, autoencoder.decode(autoencoder.encode(acts_BD))).sum(1),
  );
  const exponent = { 'squared-error': 1, 'squared-loss': 2, 'dictionary-learning': 0.5 }[form];
  const drawn = draw(
    step,
    squares_B.map((square) => square ** exponent),
    Math.min(dead.length, B),
  );
  const anew = dead.slice(0, drawn.length);

  const values = (name: string) => {
    const parameter = autoencoder.parameters.get(name);
    return parameter && (parameter.dataSync() as Float32Array).slice();
  };
  const encoder_FD = values('encoder');
  const encoderBias_F = values('encoder_bias');
  if (!encoder_FD || !encoderBias_F) throw new Error(`${autoencoder.variant} has no encoder to resample`);
  const decoder_FD = values('decoder');
  const shift_D = autoencoder.subtractsDecoderBias ? values('decoder_bias') : undefined;
  const acts = acts_BD.dataSync() as Float32Array;
  const encoderNorm = ENCODER_SHARE * meanLivingNorm(encoder_FD, D, dead);
  anew.forEach((f, i) => {
    const x_D = acts.subarray(drawn[i]! * D, (drawn[i]! + 1) * D);
    const centred_D = shift_D && form !== 'dictionary-learning' ? x_D.map((x, d) => x - shift_D[d]!) : x_D;
    const norm = Math.sqrt(centred_D.reduce((sum, x) => sum + x * x, 0)) || 1;
    const unit_D = centred_D.map((x) => x / norm);
    decoder_FD?.set(unit_D, f * D);
    const direction_D = form === 'dictionary-learning' ? centred_D : unit_D;
    encoder_FD.set(decoder_FD ? direction_D.map((u) => encoderNorm * u) : unit_D, f * D);
    encoderBias_F[f] = 0;
  });
  const assign = (name: string, data: Float32Array) => {
    const parameter = autoencoder.parameters.get(name) as tf.Variable;
    tf.tidy(() => parameter.assign(tf.tensor(data, parameter.shape)));
  };
  assign('encoder', encoder_FD);
  assign('encoder_bias', encoderBias_F);
  if (decoder_FD) assign('decoder', decoder_FD);
  return anew;
}

/** Adam forgets what it knows of the parameters of `features`. */
export function withoutMomentsOf(state: OptimiserState, features: Int32Array): OptimiserState {
  const tensors = { ...state.tensors };
  for (const parameter of ['encoder', 'decoder', 'encoder_bias']) {
    for (const name of [`m/${parameter}`, `v/${parameter}`]) {
      const tensor = tensors[name];
      if (!tensor) continue;
      const data = tensor.data.slice();
      const width = tensor.shape[1] ?? 1;
      for (const f of features) data.fill(0, f * width, (f + 1) * width);
      tensors[name] = { ...tensor, data };
    }
  }
  return { ...state, tensors };
}

/**
 * Draws at most `count` distinct indices one after another, each in proportion to the weights of those that are left: the
 * largest log(u) / weight (Efraimidis & Spirakis 2006). Those of weight 0 are not drawn.
 */
export function drawInProportion(weights: Float32Array, count: number, stream: RandomStream): Int32Array {
  const keys = Float64Array.from(weights, (weight) => Math.log(1 - stream.uniform()) / weight);
  const candidates = [...weights.keys()].filter((i) => weights[i]! > 0);
  candidates.sort((a, b) => keys[b]! - keys[a]! || a - b);
  return Int32Array.from(candidates.slice(0, count));
}

/** Of all, should none be alive. */
function meanLivingNorm(rows_FD: Float32Array, D: number, dead: Int32Array): number {
  const F = rows_FD.length / D;
  const isDead = new Uint8Array(F);
  if (dead.length < F) for (const f of dead) isDead[f] = 1;
  let sum = 0;
  let living = 0;
  for (let f = 0; f < F; f++) {
    if (isDead[f]) continue;
    let squares = 0;
    for (let d = f * D; d < (f + 1) * D; d++) squares += rows_FD[d]! ** 2;
    sum += Math.sqrt(squares);
    living++;
  }
  return sum / living;
}
