import { createInterface } from 'node:readline';
import type * as tf from '@tensorflow/tfjs';
import { engineDescription, startEngine, tensorflow } from '../../ml/engine/engine.ts';
import { sample } from '../../ml/generation/sample.ts';
import { LanguageModelTrainer } from '../../ml/language-modelling/trainer.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { constantSchedule } from '../../ml/optimisers/schedules/constant.ts';
import { stream } from '../../ml/random/stream.ts';
import { opProfile } from '../lib/op-profile.ts';

/**
 * Our side of the benchmark of models, a process of its own like the peer's (peer.py): a request a line,
 * `{"task", "arguments"}`, is answered by `{"seconds", "check", "peakMegabytes"}`. `check` holds numbers that both sides
 * must agree on; seconds span the work alone, up to a number read back.
 */
interface Answer {
  seconds: number;
  check: number[];
  /** Of `profile`: seconds by op. */
  parts?: Record<string, number>;
}

const directory = process.argv[2] as string;
let model: LanguageModel | undefined;
let trainer: LanguageModelTrainer | undefined;
let factors: [tf.Tensor2D, tf.Tensor2D] | undefined;

const ready = async () => {
  model ??= await loadModel(directory);
  return model;
};

/** The same ids as in peer.py. */
function numbers(count: number, vocabulary: number): Int32Array {
  let state = 1n;
  return Int32Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) % 2147483648n;
    return Number(state >> 8n) % vocabulary;
  });
}

/** What leaves a block: nothing after it is computed. */
function blockOutput(lm: LanguageModel, ids_BT: tf.Tensor2D, layer: number): tf.Tensor3D {
  let output_BTD: tf.Tensor3D | undefined;
  const run = (acts_BTD: tf.Tensor3D) => {
    output_BTD = tensorflow().keep(acts_BTD.clone());
    return undefined;
  };
  lm.observe(ids_BT, [{ site: 'block_out', layer, run }]);
  return output_BTD as tf.Tensor3D;
}

const since = (start: number) => (performance.now() - start) / 1000;

/** One number read back: proof that the tensor is computed. */
const readOne = (x: tf.Tensor) =>
  tensorflow().tidy(
    () =>
      x
        .slice(
          x.shape.map(() => 0),
          x.shape.map(() => 1),
        )
        .dataSync()[0],
  );

const tasks: Record<string, (...args: never[]) => Promise<Answer> | Answer> = {
  gemm() {
    const tf = tensorflow();
    factors ??= [tf.randomUniform([2048, 1024], 0, 1), tf.randomUniform([1024, 2048], 0, 1)];
    const [a, b] = factors;
    const start = performance.now();
    for (let i = 0; i < 10; i++) {
      const product = a.matMul(b);
      if (i === 9) readOne(product);
      product.dispose();
    }
    return { seconds: since(start), check: [] };
  },

  async forward(until: 'logits' | 'hidden' | 'middle') {
    const lm = await ready();
    const tf = tensorflow();
    const ids_BT = tf.tensor2d(numbers(8 * 128, lm.vocabulary), [8, 128], 'int32');
    const start = performance.now();
    const result = tf.tidy(() => {
      if (until === 'middle') return blockOutput(lm, ids_BT, lm.layers / 2 - 1);
      const hidden_BTD = lm.forward(ids_BT);
      return until === 'logits' ? lm.unembed(hidden_BTD) : hidden_BTD;
    });
    readOne(result);
    const seconds = since(start);
    const check = tf.tidy(() => Array.from(result.slice([7, 127, 0], [1, 1, 4]).dataSync()));
    tf.dispose([result, ids_BT]);
    return { seconds, check };
  },

  async generate(batch: number) {
    const lm = await ready();
    const ids = Array.from(numbers(batch * 16, lm.vocabulary));
    const prompts = Array.from({ length: batch }, (_, i) => ids.slice(16 * i, 16 * (i + 1)));
    const start = performance.now();
    const rows = sample(lm, prompts, { maxNewTokens: 32, eosId: null, padId: 0 }, stream(0, 'bench'));
    if (rows.some((row) => row.ids.length !== 32)) throw new Error('A row has not 32 tokens');
    return { seconds: since(start), check: [] };
  },

  async train() {
    const lm = await ready();
    trainer ??= new LanguageModelTrainer(lm, {
      windows: { tokens: numbers(8 * 129, lm.vocabulary), count: 8, context: 128 },
      order: { rows: () => Int32Array.from({ length: 8 }, (_, i) => i) },
      microBatch: 8,
      learningRate: 1e-4,
      schedule: constantSchedule(),
      weightDecay: 0.01,
      beta2: 0.95,
      maxGradientNorm: 1,
    });
    const start = performance.now();
    const { train_loss } = trainer.step(0);
    readOne([...lm.parameters.values()][0] as tf.Tensor);
    return { seconds: since(start), check: [train_loss] };
  },

  async load() {
    const start = performance.now();
    const lm = await loadModel(directory);
    const tf = tensorflow();
    let total = 0;
    for (const parameter of lm.parameters.values())
      total += tf.tidy(() => parameter.sum().dataSync()[0] as number);
    const seconds = since(start);
    lm.dispose();
    return { seconds, check: [total] };
  },

  /** Another task's ops. */
  async profile(task: string, args: never[]) {
    const start = performance.now();
    const parts = await opProfile(() => tasks[task]?.(...args));
    return { seconds: since(start), check: [], parts };
  },

  async first_token() {
    const start = performance.now();
    const lm = await ready();
    const tf = tensorflow();
    const ids_BT = tf.tensor2d(numbers(16, lm.vocabulary), [1, 16], 'int32');
    const decoder = lm.decoder(1, 16);
    const token = tf.tidy(() => decoder.feed(ids_BT, tf.onesLike(ids_BT)).argMax(-1).dataSync()[0] as number);
    return { seconds: since(start), check: [token] };
  },
};

await startEngine();
console.log(JSON.stringify({ version: `tensorflow ${engineDescription().tensorflow ?? 'wasm'}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { task, arguments: args = [] } = JSON.parse(line) as { task: string; arguments?: never[] };
  const answer = await (tasks[task] as (...args: never[]) => Promise<Answer> | Answer)(...args);
  console.log(JSON.stringify({ ...answer, peakMegabytes: process.resourceUsage().maxRSS / 1024 }));
}
