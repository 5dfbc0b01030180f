import type { DictionaryWeights } from '../dictionary.ts';

/** Changes of weights that leave what a dictionary computes, or turn another form of it into ours. W_enc [D, F], W_dec [F, D]. */

/** [columns, rows] of a matrix [rows, columns]. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = data[row * columns + column] as number;
  }
  return out;
}

/** Norms of the rows of the decoder. [F] */
export function decoderNorms({ W_dec, b_enc, b_dec }: DictionaryWeights): Float64Array {
  const D = b_dec.length;
  const squares_F = new Float64Array(b_enc.length);
  for (let i = 0; i < W_dec.length; i++) {
    const f = Math.floor(i / D);
    squares_F[f] = (squares_F[f] as number) + (W_dec[i] as number) ** 2;
  }
  return squares_F.map(Math.sqrt);
}

/** Below it a row counts as zero, as in SAELens. */
const SMALLEST_NORM = 1e-8;

/**
 * Rows of the decoder of norm 1, their norms in the encoder: features are what they were times the norm, reconstructions the
 * same. Thresholds, where there are any, are of those new features already.
 */
export function withNormsInEncoder(weights: DictionaryWeights): DictionaryWeights {
  const norms_F = decoderNorms(weights).map((norm) => Math.max(norm, SMALLEST_NORM));
  const F = norms_F.length;
  const D = weights.b_dec.length;
  return {
    ...weights,
    W_enc: weights.W_enc.map((value, i) => value * (norms_F[i % F] as number)),
    b_enc: weights.b_enc.map((value, f) => value * (norms_F[f] as number)),
    W_dec: weights.W_dec.map((value, i) => value / (norms_F[Math.floor(i / D)] as number)),
  };
}

/** For activations as they are, of a dictionary that was trained on `scale` times them. Features stay those of the training. */
export function withScale(weights: DictionaryWeights, scale: number): DictionaryWeights {
  return {
    ...weights,
    W_enc: weights.W_enc.map((value) => value * scale),
    W_dec: weights.W_dec.map((value) => value / scale),
    b_dec: weights.b_dec.map((value) => value / scale),
  };
}

/** Of a gated autoencoder, whose two encoders share W_enc but for a factor a feature. All [F]. */
export interface Gates {
  gateBias: Float32Array;
  magnitudeBias: Float32Array;
  logRatio: Float32Array;
}

/**
 * A gated autoencoder (Rajamanoharan et al. 2024, "Improving Dictionary Learning with Gated Sparse Autoencoders", eq. 7 with
 * tied encoders) as jumprelu. With u = x W_enc its features are relu(m) where u + b_gate > 0, m = e^r u + b_mag; and u > -b_gate
 * is m > b_mag - e^r b_gate, a threshold on m.
 */
export function gatedAsJumpRelu(
  weights: Omit<DictionaryWeights, 'b_enc' | 'threshold'>,
  { gateBias, magnitudeBias, logRatio }: Gates,
): DictionaryWeights {
  const ratios_F = Float64Array.from(logRatio, Math.exp);
  const F = ratios_F.length;
  return {
    ...weights,
    W_enc: weights.W_enc.map((value, i) => value * (ratios_F[i % F] as number)),
    b_enc: magnitudeBias,
    threshold: magnitudeBias.map((bias, f) =>
      Math.max(0, bias - (ratios_F[f] as number) * (gateBias[f] as number)),
    ),
  };
}
