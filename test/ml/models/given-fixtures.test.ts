import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../../../ml/engine/cross-entropy.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { loadModel } from '../../../ml/models/load.ts';
import type { Hook, HookSite, LanguageModel } from '../../../ml/models/types.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';
import { greedy } from './greedy.ts';

const TINY = 'test/fixtures/tiny-models';
interface Expected {
  logits_row0_last3: number[][];
  logits_sum_abs: number;
  loss: number;
  hidden_states_last_row0_pos0: number[];
  mlp_out: Record<string, number[]>;
  masked_logits_row1_last: number[];
  grad_norm_and_first4: Record<string, [number, number[]]>;
  greedy_ids: number[];
}

describe.each(['gpt_neox', 'gpt_neo', 'gemma'])('%s beside transformers 5.17', (name) => {
  const all = JSON.parse(readFileSync(join(TINY, 'expected.json'), 'utf8'));
  const expected: Expected = all[name];
  const ids: number[][] = all.input_ids;
  let model: LanguageModel;
  let ids_BT: tf.Tensor2D;
  beforeAll(async () => {
    model = await loadModel(join(TINY, name));
    ids_BT = tensorflow().tensor2d(ids, undefined, 'int32');
  });

  test('logits and final hidden states', () => {
    tensorflow().tidy(() => {
      const hidden_BTD = model.forward(ids_BT);
      const logits = model.unembed(hidden_BTD);
      const rows = logits.slice([0, 9, 0], [1, 3, -1]).squeeze([0]).arraySync() as number[][];
      for (let i = 0; i < 3; i++)
        expectClose(rows[i] as number[], expected.logits_row0_last3[i] as number[], 1e-4);
      expect(Math.abs((logits.abs().sum().dataSync()[0] as number) - expected.logits_sum_abs)).toBeLessThan(
        0.05,
      );
      expectClose(
        hidden_BTD.slice([0, 0, 0], [1, 1, -1]).dataSync(),
        expected.hidden_states_last_row0_pos0,
        1e-4,
      );
    });
  });

  test('a left-padded row gives what it gives in transformers, and what it gives alone', () => {
    const tf = tensorflow();
    tf.tidy(() => {
      const mask_BT = tf.tensor2d(all.attention_mask as number[][], undefined, 'int32');
      const last = (x: tf.Tensor3D, row: number, position: number) =>
        x.slice([row, position, 0], [1, 1, -1]).dataSync();
      const padded = model.unembed(model.forward(ids_BT, { mask_BT }));
      expectClose(last(padded, 1, 11), expected.masked_logits_row1_last, 1e-4);
      const alone = model.unembed(
        model.forward(tf.tensor2d([(ids[1] as number[]).slice(4)], undefined, 'int32')),
      );
      expectClose(last(padded, 1, 11), last(alone, 0, 7), 1e-5);
    });
  });

  test('hooks see the outputs of the MLPs, the same when nothing else is computed', () => {
    const tf = tensorflow();
    const sites = ['mlp_in', 'mlp_out', 'attention_out', 'block_out'] as const;
    const seenBy = (run: (hooks: Hook[]) => void, of: readonly HookSite[], layers: number[]) => {
      const seen: Record<string, ArrayLike<number>> = {};
      const hooks = layers.flatMap((layer) =>
        of.map((site) => ({
          site,
          layer,
          run: (x: tf.Tensor3D) => {
            seen[`${site}.${layer}`] = x.slice([0, 5, 0], [1, 1, -1]).dataSync();
            return undefined;
          },
        })),
      );
      // The causal bias of this length stays.
      model.forward(ids_BT).dispose();
      const tensors = tf.memory().numTensors;
      tf.tidy(() => {
        run(hooks);
      });
      expect(tf.memory().numTensors).toBe(tensors);
      return seen;
    };
    const all = seenBy((hooks) => model.forward(ids_BT, { hooks }), sites, [0, 1]);
    for (const [name, values] of Object.entries(expected.mlp_out))
      expectClose(all[name] as ArrayLike<number>, values, 1e-4);
    for (const site of sites) {
      const alone = seenBy((hooks) => model.observe(ids_BT, hooks), [site], [1]);
      expect(Object.keys(alone)).toEqual([`${site}.1`]);
      expect(alone[`${site}.1`]).toEqual(all[`${site}.1`]);
    }
    const several = seenBy((hooks) => model.observe(ids_BT, hooks), ['mlp_out', 'attention_out'], [1, 0]);
    expect(Object.keys(several)).toHaveLength(4);
    for (const [name, values] of Object.entries(several)) expect(values).toEqual(all[name]);
    const none = [{ site: 'mlp_out' as const, layer: 99, run: () => undefined }];
    expect(() => model.observe(ids_BT, none)).toThrow('A hook is at layer 99');
  });

  test('what a hook returns replaces the activations, and gradients flow through it', () => {
    const tf = tensorflow();
    tf.tidy(() => {
      const plain = model.forward(ids_BT).dataSync();
      const same = model.forward(ids_BT, { hooks: [{ site: 'mlp_out', layer: 0, run: (x) => x.clone() }] });
      expectClose(same.dataSync(), plain, 0);
      const scale = tf.variable(tf.scalar(1));
      const { grads } = tf.variableGrads(
        () =>
          model
            .forward(ids_BT, { hooks: [{ site: 'mlp_out', layer: 0, run: (x) => x.mul(scale) }] })
            .square()
            .mean(),
        [scale],
      );
      expect(Math.abs(Object.values(grads)[0]?.dataSync()[0] as number)).toBeGreaterThan(1e-6);
      const zeroed = model
        .forward(ids_BT, { hooks: [{ site: 'mlp_out', layer: 0, run: (x) => x.zerosLike() }] })
        .dataSync();
      expect(maxDifference(zeroed, plain)).toBeGreaterThan(0.1);
    });
  });

  test('the loss and the gradient of every parameter', () => {
    const tf = tensorflow();
    tf.tidy(() => {
      const labels_N = tf.tensor1d(
        ids.flatMap((row) => row.slice(1)),
        'int32',
      );
      const { value, grads } = tf.variableGrads(() => {
        const hidden_BTD = model.forward(ids_BT).slice([0, 0, 0], [2, 11, -1]);
        const logits_NV = model.unembed(hidden_BTD.reshape<tf.Tensor2D>([22, model.width]));
        return crossEntropy(logits_NV, labels_N).mean();
      }, [...model.parameters.values()]);
      expect(Math.abs((value.dataSync()[0] as number) - expected.loss)).toBeLessThan(1e-5);
      expect(model.parameters.size).toBe(Object.keys(expected.grad_norm_and_first4).length);
      for (const [name, parameter] of model.parameters) {
        const [norm, first4] = expected.grad_norm_and_first4[name.replace('embed_out', 'lm_head')] as [
          number,
          number[],
        ];
        const gradient = grads[parameter.name]?.dataSync() as Float32Array;
        const own = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0));
        expect(Math.abs(own - norm) / norm, name).toBeLessThan(1e-3);
        expectClose(gradient.subarray(0, 4), first4, 1e-3 * norm);
      }
    });
  });

  test('greedy decoding with cached keys and values, one row and left-padded', () => {
    expect(greedy(model, [ids[0] as number[]], [Array(12).fill(1)], 10)[0]).toEqual(expected.greedy_ids);
    const mask = all.attention_mask as number[][];
    const together = greedy(model, ids, mask, 10);
    expect(together[0]).toEqual(expected.greedy_ids);
    const alone = greedy(model, [(ids[1] as number[]).slice(4)], [Array(8).fill(1)], 10);
    expect(together[1]?.slice(4)).toEqual(alone[0]);
  });

  test('forward, gradients and decoding leave no tensors behind', () => {
    const tf = tensorflow();
    const round = () => {
      greedy(model, ids, all.attention_mask, 3);
      tf.tidy(
        () =>
          void tf.variableGrads(() => model.forward(ids_BT).square().mean(), [...model.parameters.values()]),
      );
    };
    round();
    const before = tf.memory().numTensors;
    round();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('rows longer than the positions are refused', () => {
    const tf = tensorflow();
    expect(() => model.forward(tf.zeros([1, 65], 'int32') as tf.Tensor2D)).toThrow(
      "65 tokens is longer than the model's 64 positions",
    );
  });
});

const REVIEWS = '../shared/models/reviews-neox';
describe.skipIf(!existsSync(REVIEWS))(`the model in ${REVIEWS} (skipped when absent)`, () => {
  test('ids, loss, top tokens, hidden norms and greedy text equal transformers', async () => {
    const tf = tensorflow();
    const model = await loadModel(REVIEWS);
    const tokenizer = loadTokenizer(REVIEWS);
    const { cases } = JSON.parse(readFileSync(join(REVIEWS, 'expected.json'), 'utf8'));
    for (const expected of cases) {
      const ids = tokenizer.encode(expected.text);
      expect(ids).toEqual(expected.ids);
      tf.tidy(() => {
        const norms: number[] = [];
        const hooks = Array.from({ length: model.layers - 1 }, (_, layer) => ({
          site: 'block_out' as const,
          layer,
          run: (x: tf.Tensor3D) => void norms.push(norm(x)),
        }));
        const hidden_BTD = model.forward(tf.tensor2d([ids], undefined, 'int32'), { hooks });
        const logits_TV = model.unembed(hidden_BTD).squeeze<tf.Tensor2D>([0]);
        const loss = crossEntropy(
          logits_TV.slice(0, ids.length - 1),
          tf.tensor1d(ids.slice(1), 'int32'),
        ).mean();
        expect(Math.abs((loss.dataSync()[0] as number) - expected.loss)).toBeLessThan(1e-4);
        const last = logits_TV.slice(ids.length - 1).dataSync();
        expectClose(last.slice(0, expected.last_logits_head.length), expected.last_logits_head, 1e-4);
        const top = Array.from(last.keys())
          .sort((a, b) => (last[b] as number) - (last[a] as number))
          .slice(0, 20);
        expect(top).toEqual(expected.top20_ids);
        expectClose(
          top.map((id) => last[id] as number),
          expected.top20_logits,
          1e-4,
        );
        for (const [i, own] of [...norms, norm(hidden_BTD)].entries()) {
          expect(Math.abs(own / expected.hidden_norms[i + 1] - 1), `hidden state ${i + 1}`).toBeLessThan(
            1e-4,
          );
        }
      });
      const generated = greedy(
        model,
        [ids],
        [ids.map(() => 1)],
        expected.greedy_ids.length - ids.length,
      )[0] as number[];
      expect(generated).toEqual(expected.greedy_ids);
      expect(tokenizer.decode(generated)).toBe(expected.greedy_text);
    }
    model.dispose();
  });
});

const norm = (x_BTD: tf.Tensor3D) => x_BTD.norm().dataSync()[0] as number;

function maxDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return Math.max(...Array.from(expected, (value, i) => Math.abs((actual[i] as number) - value)));
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  expect(maxDifference(actual, expected)).toBeLessThanOrEqual(tolerance);
}
