import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import type { Network } from './architecture.ts';
import { hookCaller, hookedBlock } from './hooks.ts';
import { causalBias, paddingBias } from './parts/attention.ts';
import { LayerCache } from './parts/key-value-cache.ts';
import { isUnpadded, maskedPositions } from './parts/positions.ts';
import type { Decoder, Hook } from './types.ts';

export interface DecoderParts {
  network: Network;
  layers: number;
  batch: number;
  /** The most positions a row may have. */
  length: number;
  hooks: readonly Hook[];
}

/** Incremental decoding with cached keys and values, for any architecture. */
export function createDecoder(parts: DecoderParts): Decoder {
  return new CachedDecoder(parts);
}

class CachedDecoder implements Decoder {
  private readonly caches: LayerCache[];
  /** Which of the cached positions are real: row-major [B, fed]. */
  private mask: Uint8Array = new Uint8Array(0);
  private fed = 0;
  /** Real tokens fed so far, by row. */
  private real: Int32Array;
  private batch: number;

  constructor(private readonly parts: DecoderParts) {
    this.caches = Array.from({ length: parts.layers }, () => new LayerCache());
    this.batch = parts.batch;
    this.real = new Int32Array(parts.batch);
  }

  feed(ids_BT: tf.Tensor2D, mask_BT: tf.Tensor2D): tf.Tensor2D {
    const { network, layers, length: limit, hooks } = this.parts;
    const { batch } = this;
    const [rows, length] = ids_BT.shape;
    if (rows !== batch) throw new RangeError(`The decoder has ${batch} rows, not ${rows}`);
    if (this.fed + length > limit) {
      throw new RangeError(
        `The decoder holds ${limit} positions: ${this.fed} are used and ${length} more were fed`,
      );
    }
    const tf = tensorflow();
    const fresh = mask_BT.dataSync();
    this.append(fresh, length);
    const positions = maskedPositions(fresh, batch, length, this.real);
    return tf.tidy(() => {
      const pass = {
        batch,
        length,
        places: network.places(batch, length, positions, this.fed),
        bias: this.bias(length),
        caches: this.caches,
        observed: false,
        hook: hookCaller(hooks, batch, length),
      };
      let x_ND = network.embed(ids_BT.reshape([batch * length]), pass.places);
      for (let layer = 0; layer < layers; layer++) {
        x_ND = tf.tidy(() => hookedBlock(network, x_ND, layer, pass));
      }
      const last_BD = length === 1 ? x_ND : lastPosition(x_ND, batch, length);
      return linear(network.finalNorm(last_BD), network.unembedding);
    });
  }

  keep(rows: readonly number[]): void {
    const tf = tensorflow();
    tf.tidy(() => {
      const indices = tf.tensor1d([...rows], 'int32');
      for (const cache of this.caches) cache.keep(indices);
    });
    const mask = new Uint8Array(rows.length * this.fed);
    for (const [i, row] of rows.entries()) {
      mask.set(this.mask.subarray(row * this.fed, (row + 1) * this.fed), i * this.fed);
    }
    this.mask = mask;
    this.real = Int32Array.from(rows, (row) => this.real[row] as number);
    this.batch = rows.length;
  }

  dispose(): void {
    for (const cache of this.caches) cache.dispose();
  }

  private append(fresh: ArrayLike<number>, length: number): void {
    const { batch } = this;
    const total = this.fed + length;
    const mask = new Uint8Array(batch * total);
    for (let row = 0; row < batch; row++) {
      mask.set(this.mask.subarray(row * this.fed, (row + 1) * this.fed), row * total);
      for (let column = 0; column < length; column++)
        mask[row * total + this.fed + column] = fresh[row * length + column] ? 1 : 0;
    }
    this.mask = mask;
    this.fed = total;
  }

  private bias(length: number): tf.Tensor4D | null {
    const padding = isUnpadded(this.mask) ? null : paddingBias(this.mask, this.batch, this.fed);
    const causal = length > 1 ? causalBias(length, this.fed) : null;
    return padding && causal ? padding.add(causal) : (padding ?? causal);
  }
}

function lastPosition(x_ND: tf.Tensor2D, batch: number, length: number): tf.Tensor2D {
  const width = x_ND.shape[1];
  return x_ND
    .reshape([batch, length, width])
    .slice([0, length - 1, 0], [batch, 1, width])
    .reshape([batch, width]);
}
