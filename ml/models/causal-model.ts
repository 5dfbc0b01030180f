import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { recomputed } from '../engine/recomputed.ts';
import type { Architecture, ModelDescription, Network, Pass } from './architecture.ts';
import { createDecoder } from './decoder.ts';
import { hookCaller, hookedBlock } from './hooks.ts';
import { type AttentionBias, causalBias, paddingBias } from './parts/attention.ts';
import { isUnpadded, maskedPositions } from './parts/positions.ts';
import type { Decoder, ForwardOptions, Hook, LanguageModel } from './types.ts';

/**
 * A causal language model of any architecture over the given parameters (every one of `describe(config).parameters`,
 * with its shape). The model owns the parameters and frees them in `dispose()`.
 */
export function causalModel(
  architecture: Architecture,
  config: Record<string, unknown>,
  parameters: ReadonlyMap<string, tf.Variable>,
): LanguageModel {
  return new CausalModel(architecture.modelType, config, architecture.describe(config), parameters);
}

/** Thrown through the blocks when the last hook was called: nothing more is wanted. */
const SEEN = Symbol('every hook was called');

class CausalModel implements LanguageModel {
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly maxPositions: number;
  readonly unembedding: tf.Tensor2D;
  private readonly network: Network;
  /** The causal bias of the last length seen. */
  private causal: { length: number; bias: AttentionBias } | null = null;

  constructor(
    readonly architecture: string,
    readonly config: Record<string, unknown>,
    private readonly description: ModelDescription,
    readonly parameters: ReadonlyMap<string, tf.Variable>,
  ) {
    this.layers = description.layers;
    this.width = description.width;
    this.vocabulary = description.vocabulary;
    this.maxPositions = description.maxPositions;
    this.network = description.build((name) => {
      const parameter = parameters.get(name);
      if (!parameter) throw new Error(`The parameter ${name} is missing`);
      return parameter;
    });
    this.unembedding = this.network.unembedding;
  }

  forward(ids_BT: tf.Tensor2D, options: ForwardOptions = {}): tf.Tensor3D {
    return this.run(ids_BT, options, false);
  }

  observe(ids_BT: tf.Tensor2D, hooks: readonly Hook[]): void {
    let waiting = hooks.length;
    const counted = hooks.map((hook): Hook => {
      const { site, layer } = hook;
      if (!(Number.isInteger(layer) && layer >= 0 && layer < this.layers))
        throw new RangeError(`A hook is at layer ${layer}: the model has layers 0 to ${this.layers - 1}`);
      const run = (acts_BTD: tf.Tensor3D) => {
        const replaced = hook.run(acts_BTD);
        if (--waiting === 0) throw SEEN;
        return replaced;
      };
      return { site, layer, run };
    });
    try {
      if (waiting > 0) this.run(ids_BT, { hooks: counted }, true).dispose();
    } catch (thrown) {
      if (thrown !== SEEN) throw thrown;
    }
  }

  unembed<T extends tf.Tensor>(hidden: T): T {
    const leading = hidden.shape.slice(0, -1);
    return tensorflow().tidy(() => {
      if (leading.length === 1) return linear(hidden as unknown as tf.Tensor2D, this.unembedding);
      const flat_ND = hidden.reshape<tf.Tensor2D>([-1, this.width]);
      return linear(flat_ND, this.unembedding).reshape([...leading, this.vocabulary]);
    }) as unknown as T;
  }

  blockPrefix(layer: number): string {
    return this.description.blockPrefix(layer);
  }

  decoder(batch: number, length: number, options: { hooks?: readonly Hook[] } = {}): Decoder {
    return createDecoder({
      network: this.network,
      layers: this.layers,
      batch,
      length: Math.min(length, this.maxPositions),
      hooks: options.hooks ?? [],
    });
  }

  dispose(): void {
    this.network.dispose?.();
    this.causal?.bias.dispose();
    this.causal = null;
    for (const parameter of this.parameters.values()) parameter.dispose();
  }

  private run(ids_BT: tf.Tensor2D, options: ForwardOptions, observed: boolean): tf.Tensor3D {
    const [batch, length] = ids_BT.shape;
    if (length > this.maxPositions) {
      throw new RangeError(
        `A row of ${length} tokens is longer than the model's ${this.maxPositions} positions`,
      );
    }
    if (options.recompute && options.hooks?.length) {
      throw new Error('Hooks would run twice where blocks are computed again');
    }
    return tensorflow().tidy(() => {
      const pass = { ...this.startPass(batch, length, options), observed };
      let x_ND = this.network.embed(ids_BT.reshape([batch * length]), pass.places);
      for (let layer = 0; layer < this.layers; layer++)
        x_ND = options.recompute ? this.recomputedBlock(x_ND, layer, pass) : this.runBlock(x_ND, layer, pass);
      return this.network.finalNorm(x_ND).reshape([batch, length, this.width]);
    });
  }

  private startPass(batch: number, length: number, options: ForwardOptions): Omit<Pass, 'observed'> {
    const mask = options.mask_BT?.dataSync();
    if (mask && mask.length !== batch * length) {
      throw new RangeError(`mask_BT has shape [${options.mask_BT?.shape}], the ids [${batch},${length}]`);
    }
    const padded = mask && !isUnpadded(mask) ? mask : null;
    const positions = padded ? maskedPositions(padded, batch, length) : null;
    const causal = this.causalBias(length);
    return {
      batch,
      length,
      places: this.network.places(batch, length, positions, length),
      bias: padded ? causal.add(paddingBias(padded, batch, length)) : causal,
      caches: null,
      hook: hookCaller(options.hooks ?? [], batch, length),
    };
  }

  private runBlock(x_ND: tf.Tensor2D, layer: number, pass: Pass): tf.Tensor2D {
    return tensorflow().tidy(() => hookedBlock(this.network, x_ND, layer, pass));
  }

  private recomputedBlock(x_ND: tf.Tensor2D, layer: number, pass: Pass): tf.Tensor2D {
    const prefix = this.blockPrefix(layer);
    const parameters = [...this.parameters].flatMap(([name, parameter]) =>
      name.startsWith(prefix) ? [parameter] : [],
    );
    const names = Object.keys(pass.places);
    const tables = [...(pass.bias ? [pass.bias] : []), ...Object.values(pass.places)];
    return recomputed(x_ND, parameters, tables, (input_ND, kept) => {
      const places = kept.slice(-names.length);
      return this.runBlock(input_ND, layer, {
        ...pass,
        bias: pass.bias && (kept[0] as AttentionBias),
        places: Object.fromEntries(names.map((name, i) => [name, places[i] as tf.Tensor])),
      });
    });
  }

  private causalBias(length: number): AttentionBias {
    if (this.causal?.length !== length) {
      this.causal?.bias.dispose();
      const tf = tensorflow();
      this.causal = { length, bias: tf.keep(causalBias(length, length)) };
    }
    return this.causal.bias;
  }
}
