import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { matMul } from '../engine/untaped.ts';
import { ComputeError } from '../failure.ts';
import type { LanguageModel } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import type { Trainable } from './trainable.ts';

/**
 * Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685, eq. 3) of the matrices of chosen layers; everything else stays:
 *
 *   W = W0 + (alpha / r) B A        A [r, in] from U(-1/sqrt(in), 1/sqrt(in)), B [out, r] zeros
 *
 * as `peft` does without dropout. The product is added to the weights after every update, so that forward passes, hooks
 * and decoding cost what they cost without it and what is saved is the merged model. Gradients come from that of W:
 *
 *   dA = (alpha / r) B^T dW         dB = (alpha / r) dW A^T
 *
 * Defaults of `peft`: r 8, alpha 8, and of each architecture the projections named in `DEFAULT_TARGETS`.
 */
export interface LoraOptions {
  rank: number;
  alpha: number;
  targets: LoraTargets;
}

/**
 * Last parts of the names of layers (`query_key_value`, `mlp.dense_h_to_4h`); every matrix of the blocks; or, with null,
 * what is usual for the architecture.
 */
export type LoraTargets = readonly string[] | 'all-linear' | null;

/** The start W0 of a matrix: a variable that nobody changes while the adapter lives. */
type Origin = ReadonlyMap<string, tf.Tensor>;

/** What `peft` adapts when nothing is said. */
const DEFAULT_TARGETS: Readonly<Record<string, readonly string[]>> = {
  gpt2: ['c_attn'],
  gpt_neox: ['query_key_value'],
  gpt_neo: ['q_proj', 'v_proj'],
  gemma: ['q_proj', 'v_proj'],
  llama: ['q_proj', 'v_proj'],
  qwen2: ['q_proj', 'v_proj'],
  qwen3: ['q_proj', 'v_proj'],
};

/** Architectures that store the weights of layers inputs first. */
const INPUTS_FIRST = new Set(['gpt2']);

export const storesInputsFirst = (model: LanguageModel): boolean => INPUTS_FIRST.has(model.architecture);

/**
 * @param origin the weights to start from where they are at hand anyway, as in a reference model; copied when absent
 * @throws ComputeError `bad-parameter` when a target names no layer of the model
 */
export function lora(
  model: LanguageModel,
  { rank, alpha, targets }: LoraOptions,
  draws: (name: string) => RandomStream,
  origin?: Origin,
): Trainable {
  const tf = tensorflow();
  const scale = alpha / rank;
  const inputsFirst = storesInputsFirst(model);
  const adapters = new Map<string, Adapter>();
  for (const name of targetMatrices(model, targets)) {
    const weight = model.parameters.get(name) as tf.Variable;
    const [rows, columns] = weight.shape as [number, number];
    const [outputs, inputs] = inputsFirst ? [columns, rows] : [rows, columns];
    const bound = 1 / Math.sqrt(inputs);
    const random = draws(name);
    const start = Float32Array.from({ length: rank * inputs }, () => (2 * random.uniform() - 1) * bound);
    adapters.set(name, {
      weight,
      start: origin?.get(name) ?? tf.keep(tf.tidy(() => weight.mul(1))),
      a: tf.tidy(() => tf.variable(tf.tensor2d(start, [rank, inputs]))),
      b: tf.tidy(() => tf.variable(tf.zeros([outputs, rank]))),
    });
  }
  const change = ({ a, b }: Adapter) => (inputsFirst ? matMul(a, b, true, true) : matMul(b, a));
  return {
    model,
    parameters: new Map(
      [...adapters].flatMap(([name, { a, b }]) => [
        [adapterName(name, 'A'), a],
        [adapterName(name, 'B'), b],
      ]),
    ),
    differentiated: new Map([...adapters].map(([name, { weight }]) => [name, weight])),
    project(gradients) {
      const projected = new Map<string, tf.Tensor>();
      for (const [name, gradient] of gradients) {
        const adapter = adapters.get(name);
        if (!adapter) {
          projected.set(name, gradient);
          continue;
        }
        const { a, b } = adapter;
        const [da, db] = tf.tidy(() => {
          const scaled = gradient.mul(scale);
          // [in, out] as stored becomes [out, in] within the products.
          return [matMul(b, scaled, true, inputsFirst), matMul(scaled, a, inputsFirst, true)];
        }) as [tf.Tensor, tf.Tensor];
        projected.set(adapterName(name, 'A'), da);
        projected.set(adapterName(name, 'B'), db);
        gradient.dispose();
      }
      return projected;
    },
    moved() {
      for (const adapter of adapters.values())
        tf.tidy(() => adapter.weight.assign(adapter.start.add(change(adapter).mul(scale))));
    },
    dispose() {
      for (const [name, { a, b, start }] of adapters) {
        a.dispose();
        b.dispose();
        if (!origin?.has(name)) start.dispose();
      }
    },
  };
}

interface Adapter {
  weight: tf.Variable;
  start: tf.Tensor;
  a: tf.Variable;
  b: tf.Variable;
}

/** As in `peft`: `gpt_neox.layers.0.attention.query_key_value.lora_A.weight`. */
const adapterName = (weight: string, which: 'A' | 'B') => weight.replace(/weight$/, `lora_${which}.weight`);

/** The names of the weights that are adapted, in the model's order. */
function targetMatrices(model: LanguageModel, asked: LoraTargets): string[] {
  const prefixes = Array.from({ length: model.layers }, (_, layer) => model.blockPrefix(layer));
  const layers = [...model.parameters]
    .filter(([name, { rank }]) => rank === 2 && prefixes.some((prefix) => name.startsWith(prefix)))
    .map(([name]) => name);
  if (asked === 'all-linear') return layers;
  const targets = asked ?? DEFAULT_TARGETS[model.architecture] ?? [];
  const hint = () => {
    const known = new Set(layers.map((name) => name.split('.').at(-2)));
    return { hint: `set \`lora.targets\` to all-linear or to some of: ${[...known].join(', ')}` };
  };
  if (targets.length === 0)
    throw new ComputeError(
      'bad-parameter',
      `There are no usual targets of low-rank adaptation for ${model.architecture} models`,
      hint(),
    );
  const adapts = (target: string, name: string) => name.endsWith(`.${target}.weight`);
  for (const target of targets) {
    if (layers.some((name) => adapts(target, name))) continue;
    throw new ComputeError(
      'bad-parameter',
      `No layer of the ${model.architecture} model is called ${target}`,
      hint(),
    );
  }
  return layers.filter((name) => targets.some((target) => adapts(target, name)));
}
