import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../../../ml/engine/cross-entropy.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { architectureOf } from '../../../ml/models/architectures.ts';
import { causalModel } from '../../../ml/models/causal-model.ts';
import { ConfigError } from '../../../ml/models/config.ts';
import { createModel } from '../../../ml/models/initialise.ts';
import { loadModel } from '../../../ml/models/load.ts';
import type { Hook, HookSite, LanguageModel } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';
import { greedy } from './greedy.ts';

const TINY = 'test/fixtures/tiny-models';
/** Made by test/fixtures/make/tiny_models.py with transformers, which says what each is. */
interface Expected {
  input_ids: number[][];
  attention_mask: number[][];
  logits: number[][][];
  padded_logits: number[][];
  hidden: number[][][][];
  mlp: number[][][][];
  loss: number;
  gradients: Record<string, [norm: number, values: number[]]>;
  padded_loss: number;
  padded_gradients: Record<string, [norm: number, values: number[]]>;
  greedy: number[][];
  variants: Record<string, { config: Record<string, unknown>; logits: number[][]; greedy: number[][] }>;
}
const POSITIONS = [0, 5, 11];
const configOf = (name: string) => JSON.parse(readFileSync(join(TINY, name, 'config.json'), 'utf8'));
/** By model and site, what each layer has there: [layer][2][3][D]. */
const INSIDE: Record<string, Record<string, number[][][][]>> = JSON.parse(
  readFileSync(join(TINY, '../hook-sites.json'), 'utf8'),
);
const NAMES = ['gpt2', 'gpt_neo', 'gpt_neox', 'gemma', 'llama', 'llama_biased', 'qwen2', 'qwen3'];

describe.each(NAMES)('%s beside transformers', (name) => {
  const expected: Expected = JSON.parse(readFileSync(join(TINY, name, 'expected.json'), 'utf8'));
  const { input_ids: ids, attention_mask: mask } = expected;
  let model: LanguageModel;
  let ids_BT: tf.Tensor2D;
  let mask_BT: tf.Tensor2D;
  beforeAll(async () => {
    model = await loadModel(join(TINY, name));
    ids_BT = tensorflow().tensor2d(ids, undefined, 'int32');
    mask_BT = tensorflow().tensor2d(mask, undefined, 'int32');
  });
  afterAll(() => model.dispose());

  test('logits', () => {
    const own = read(() => model.unembed(model.forward(ids_BT)));
    expectClose(own, expected.logits.flat(2), 1e-4);
  });

  test('logits of a left-padded batch', () => {
    const own = read(() => model.unembed(model.forward(ids_BT, { mask_BT })).slice([0, 11, 0], [2, 1, -1]));
    expectClose(own, expected.padded_logits.flat(), 1e-4);
  });

  test('what goes in and out of every block, attention and MLP; hooks change nothing', () => {
    const seen = new Map<string, number[]>();
    const sites: HookSite[] = ['block_in', 'attention_out', 'mlp_in', 'mlp_out', 'block_out'];
    const hooks = sites.flatMap((site) =>
      Array.from(
        { length: model.layers },
        (_, layer): Hook => ({
          site,
          layer,
          run: (acts_BTD) => void seen.set(`${site}.${layer}`, pick(acts_BTD)),
        }),
      ),
    );
    const watched = read(() => model.forward(ids_BT, { hooks }));
    expectClose(watched, Array.from(read(() => model.forward(ids_BT))), 0);
    expect(seen.size).toBe(5 * model.layers);
    for (let layer = 0; layer < model.layers; layer++) {
      expectClose(seen.get(`block_out.${layer}`), (expected.hidden[layer] ?? []).flat(2), 1e-4);
      expectClose(seen.get(`mlp_out.${layer}`), (expected.mlp[layer] ?? []).flat(2), 1e-4);
      for (const [site, values] of Object.entries(INSIDE[name] ?? {}))
        expectClose(seen.get(`${site}.${layer}`), (values[layer] ?? []).flat(2), 1e-4);
    }
  });

  test('the loss and the gradient of every parameter, without and with padding', () => {
    const targets = ids.flatMap((row) => row.slice(1));
    const real = mask.flatMap((row) => row.slice(1).map((one, i) => (row[i] as number) * one));
    expectGradients(() => loss(model.forward(ids_BT), targets, undefined), expected.loss, expected.gradients);
    expectGradients(
      () => loss(model.forward(ids_BT, { mask_BT }), targets, real),
      expected.padded_loss,
      expected.padded_gradients,
    );
  });

  test('greedy tokens, row by row and together with left padding', () => {
    expect(greedy(model, ids, mask, 10).map((row) => row.slice(12))).toEqual(expected.greedy);
    for (const [row, all] of ids.entries()) {
      const prompt = all.filter((_, i) => mask[row]?.[i] === 1);
      const alone = greedy(model, [prompt], [prompt.map(() => 1)], 10)[0] as number[];
      expect(alone.slice(prompt.length)).toEqual(expected.greedy[row]);
    }
  });

  test.each(Object.entries(expected.variants))('variant: %s', (_label, variant) => {
    const config = { ...model.config, ...variant.config };
    const changed = causalModel(architectureOf(config), config, model.parameters);
    const own = read(() => changed.unembed(changed.forward(ids_BT)).slice([0, 11, 0], [2, 1, -1]));
    expectClose(own, variant.logits.flat(), 1e-4);
    // Decoding step by step is as in one pass, also where the scaling grows with the length.
    const real = ids.map((row) => row.map(() => 1));
    expect(greedy(changed, ids, real, 8).map((row) => row.slice(12))).toEqual(variant.greedy);
  });

  test('a hook replaces what goes in or out of a block, an MLP or an attention, at one position too', () => {
    const tf = tensorflow();
    const plain = read(() => model.forward(ids_BT));
    for (const site of ['block_in', 'attention_out', 'mlp_in', 'mlp_out', 'block_out'] as const) {
      const only = (position: number) => (acts_BTD: tf.Tensor3D) => {
        const place_T = tf.oneHot(tf.scalar(position, 'int32'), 12).reshape([1, 12, 1]);
        return acts_BTD.mul<tf.Tensor3D>(tf.sub(1, place_T));
      };
      const changed = read(() => model.forward(ids_BT, { hooks: [{ site, layer: 1, run: only(5) }] }));
      const before = 5 * model.width;
      expectClose(changed.subarray(0, before), Array.from(plain.subarray(0, before)), 1e-6);
      const at5 = changed.subarray(before, before + model.width);
      expect(difference(at5, plain.subarray(before, before + model.width))).toBeGreaterThan(1e-3);
    }
  });

  test('no tensors are left behind', () => {
    const round = () => {
      greedy(model, ids, mask, 3);
      read(() => {
        const { grads } = tensorflow().variableGrads(
          () => model.forward(ids_BT, { mask_BT }).square().mean(),
          [...model.parameters.values()],
        );
        return Object.values(grads)[0] as tf.Tensor;
      });
    };
    round();
    const before = tensorflow().memory().numTensors;
    round();
    expect(tensorflow().memory().numTensors).toBe(before);
  });

  test('a new model of this architecture starts with every parameter', () => {
    const fresh = createModel(configOf(name), (tensor) => stream(1, tensor));
    expect([...fresh.parameters.keys()]).toEqual([...model.parameters.keys()]);
    const logits = read(() => fresh.unembed(fresh.forward(ids_BT)));
    expect(logits.every(Number.isFinite)).toBe(true);
    // Near 0, as every new model is: norms that started at 0 instead of 1 (or at 2) would show.
    expect(Math.sqrt(logits.reduce((sum, x) => sum + x * x, 0) / logits.length)).toBeLessThan(0.3);
    expect(Math.max(...logits)).toBeGreaterThan(0);
    fresh.dispose();
  });

  function expectGradients(run: () => tf.Scalar, value: number, wanted: Expected['gradients']): void {
    const tf = tensorflow();
    const variables = [...model.parameters.values()];
    tf.tidy(() => {
      const { value: own, grads } = tf.variableGrads(run, variables);
      expect(own.dataSync()[0]).toBeCloseTo(value, 4);
      expect([...model.parameters.keys()].sort()).toEqual(Object.keys(wanted).sort());
      for (const [tensor, [norm, values]] of Object.entries(wanted)) {
        const gradient = grads[model.parameters.get(tensor)?.name ?? '']?.dataSync() as Float32Array;
        const length = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0));
        expect(Math.abs(length - norm), tensor).toBeLessThanOrEqual(1e-3 * norm + 1e-6);
        const picked = values.map((_, i) => gradient[Math.floor((i * (gradient.length - 1)) / 3)] as number);
        expectClose(picked, values, 1e-3 * norm + 1e-6);
      }
    });
  }

  function loss(hidden_BTD: tf.Tensor3D, targets: number[], real: number[] | undefined): tf.Scalar {
    const tf = tensorflow();
    const rows_ND = hidden_BTD.slice([0, 0, 0], [2, 11, -1]).reshape<tf.Tensor2D>([22, model.width]);
    const each_N = crossEntropy(model.unembed(rows_ND), tf.tensor1d(targets, 'int32'));
    if (!real) return each_N.mean();
    return each_N
      .mul(tf.tensor1d(real, 'float32'))
      .sum()
      .div(real.reduce((a, b) => a + b));
  }
});

describe('what the maths lacks is refused by name', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['gpt2', { model_type: 'mamba' }, 'model_type "mamba" is not supported'],
    ['gpt2', { activation_function: 'swish_glu' }, 'the activation "swish_glu"'],
    ['gpt2', { add_cross_attention: true }, '"add_cross_attention" is true'],
    ['gpt_neo', { attention_types: [[['global', 'sparse'], 1]] }, 'attention_types has "sparse"'],
    ['gpt_neo', { attention_types: [[['global'], 1]] }, 'names 1 layers, num_layers is 2'],
    ['gpt_neox', { rope_parameters: { rope_type: 'yarn', factor: 2 } }, 'rotary scaling "yarn"'],
    ['gemma', { final_logit_softcapping: 30 }, '"final_logit_softcapping" is 30'],
    ['gemma', { use_bidirectional_attention: true }, '"use_bidirectional_attention" is true'],
    ['gemma', { hidden_activation: 'relu' }, '"hidden_activation" is "relu"'],
    ['llama', { rope_parameters: { rope_type: 'longrope' } }, 'rotary scaling "longrope"'],
    ['llama', { rope_parameters: { rope_type: 'linear' } }, 'rope_parameters: the field "factor" is missing'],
    ['llama', { rope_parameters: null, rope_scaling: { type: 'yarn', factor: 2 } }, 'rope_scaling asks for'],
    ['llama', { num_key_value_heads: 3 }, 'not a multiple of num_key_value_heads 3'],
    ['llama', { quantization_config: { bits: 4 } }, '"quantization_config" is {"bits":4}'],
    ['llama', { hidden_size: 36, head_dim: null }, 'heads have 9 dimensions'],
    ['qwen2', { use_sliding_window: true, layer_types: null, sliding_window: 8 }, '"use_sliding_window"'],
    ['qwen3', { layer_types: ['full_attention', 'sliding_attention'] }, '"layer_types"'],
  ])('%s with %j', (name, change, message) => {
    const config = { ...configOf(name), ...change };
    const refused = () => architectureOf(config).describe(config);
    expect(refused).toThrow(message);
    expect(refused).toThrow(ConfigError);
  });

  test('rotary settings of version 4 mean the same', () => {
    const { rope_parameters: now, ...rest } = configOf('llama');
    const { rope_theta, ...scaling } = now;
    const old = { ...rest, rope_theta, rope_scaling: scaling };
    const { maxPositions, parameters } = architectureOf(old).describe(old);
    expect(maxPositions).toBe(64);
    expect(parameters).toEqual(architectureOf(old).describe(configOf('llama')).parameters);
  });
});

function read(compute: () => tf.Tensor): Float32Array {
  return tensorflow()
    .tidy(() => compute().dataSync() as Float32Array)
    .slice();
}

function pick(acts_BTD: tf.Tensor3D): number[] {
  const rows = acts_BTD.arraySync();
  return rows.flatMap((row) => POSITIONS.flatMap((position) => row[position] as number[]));
}

const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(b, (value, i) => Math.abs((a[i] as number) - value)));

function expectClose(actual: ArrayLike<number> | undefined, expected: number[], tolerance: number): void {
  expect(actual?.length).toBe(expected.length);
  expect(difference(actual ?? [], expected)).toBeLessThanOrEqual(tolerance);
}
