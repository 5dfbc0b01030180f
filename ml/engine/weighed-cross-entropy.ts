import type * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.ts';
import { tensorflow } from './engine.ts';
import { type Chunk, chunkRows, forChunks } from './linear-cross-entropy.ts';
import { add, exp, gather, matMul, mul, segmentSum, sub } from './untaped.ts';

/**
 * Cross-entropy through an unembedding whose weights follow from the losses themselves, as those of preference losses do:
 *
 *   value = sum_n w_n loss_n        loss_n = logsumexp(logits_n) - logits_n[label_n]
 *   dhidden_n = w_n (p_n W - W[label_n])           dW = sum_n w_n (p_n - onehot(label_n)) hidden_n^T
 *
 * Weights count as constants: the result is the gradient of any function of the losses whose derivatives they are. Rows
 * come in groups, and `weigh` sees the losses of one group: so some groups at a time, logits are made once, weighed, and
 * turned into gradients at once, and those of all rows never exist together.
 */
export interface WeighedGroups {
  /** Rows of each group; their sum is N. */
  sizes: readonly number[];
  /** The weight of every row of group `g`, whose losses are `losses`. Called once a group, in order. */
  weigh(losses: Float32Array, g: number): ArrayLike<number>;
}

/** @param largest a group of more logits than this has them made twice, a few rows at a time */
export function weighedCrossEntropy(
  hidden_ND: tf.Tensor2D,
  w_VD: tf.Tensor2D,
  labels_N: tf.Tensor1D,
  groups: WeighedGroups,
  largest: number = LARGEST_LOGITS,
): tf.Scalar {
  return differentiable<tf.Scalar>([hidden_ND, w_VD], () => {
    const vocabulary = w_VD.shape[0];
    const sum = new WeighedSum(hidden_ND, w_VD, labels_N);
    for (const block of blocksOf(groups.sizes, chunkRows(vocabulary))) {
      const once = block.size <= Math.max(chunkRows(vocabulary), largest / vocabulary);
      const range = { ...block, most: once ? block.size : chunkRows(vocabulary) };
      const forEach = (use: (chunk: Chunk) => void) => forChunks(hidden_ND, w_VD, labels_N, use, range);
      forEach((chunk) => {
        sum.record(chunk);
        if (!once) return;
        sum.weigh(block, groups);
        sum.add(chunk);
      });
      if (once) continue;
      sum.weigh(block, groups);
      forEach((chunk) => sum.add(chunk));
    }
    const { value, dhidden_ND, dw_VD } = sum.total();
    return {
      value,
      saved: [dhidden_ND, dw_VD],
      gradient: (dLoss, [dhidden, dw]) => [mul(dhidden as tf.Tensor, dLoss), mul(dw as tf.Tensor, dLoss)],
    };
  });
}

/** Logits that are kept at once take at most so many numbers (256 MB). */
const LARGEST_LOGITS = 2 ** 26;

interface Block {
  /** Rows `start` to `start + size`, which are those of the groups `first` to `end`. */
  start: number;
  size: number;
  first: number;
  end: number;
}

/** Whole groups together, until there are `enough` rows for an efficient product. */
function* blocksOf(sizes: readonly number[], enough: number): Generator<Block> {
  let block: Block = { start: 0, size: 0, first: 0, end: 0 };
  for (const size of sizes) {
    block.size += size;
    block.end++;
    if (block.size < enough) continue;
    yield block;
    block = { start: block.start + block.size, size: 0, first: block.end, end: block.end };
  }
  if (block.size > 0) yield block;
}

/** The value and its gradients, as they grow chunk by chunk. */
class WeighedSum {
  private readonly losses: Float32Array;
  private readonly weights: Float32Array;
  private readonly pulls: tf.Tensor[] = [];
  private pull_VD: tf.Tensor | null = null;

  constructor(
    private readonly hidden_ND: tf.Tensor2D,
    private readonly w_VD: tf.Tensor2D,
    private readonly labels_N: tf.Tensor1D,
  ) {
    this.losses = new Float32Array(hidden_ND.shape[0]);
    this.weights = new Float32Array(hidden_ND.shape[0]);
  }

  record({ loss_C, start }: Chunk): void {
    this.losses.set(loss_C.dataSync() as Float32Array, start);
  }

  weigh({ start, first, end }: Block, { sizes, weigh }: WeighedGroups): void {
    let at = start;
    for (let g = first; g < end; g++) {
      const size = sizes[g] as number;
      this.weights.set(weigh(this.losses.subarray(at, at + size), g), at);
      at += size;
    }
  }

  /** The part of the gradients that runs over the whole vocabulary. */
  add({ logp_CV, start, size }: Chunk): void {
    const p_CV = exp(logp_CV);
    this.pulls.push(matMul(p_CV, this.w_VD));
    const weights_C1 = tensorflow().tensor2d(this.weights.slice(start, start + size), [size, 1]);
    const weighted_CD = mul(this.hidden_ND.slice([start, 0], [size, -1]), weights_C1);
    const part_VD = matMul(p_CV, weighted_CD, true);
    p_CV.dispose();
    if (!this.pull_VD) {
      this.pull_VD = part_VD;
      return;
    }
    const sum_VD = add(this.pull_VD, part_VD);
    this.pull_VD.dispose();
    part_VD.dispose();
    this.pull_VD = sum_VD;
  }

  total(): { value: tf.Scalar; dhidden_ND: tf.Tensor; dw_VD: tf.Tensor } {
    const tf = tensorflow();
    const { hidden_ND, w_VD, labels_N, losses, weights } = this;
    const weights_N1 = tf.tensor2d(weights, [weights.length, 1]);
    const onLabels_VD = segmentSum(mul(hidden_ND, weights_N1), labels_N, w_VD.shape[0]);
    let value = 0;
    for (const [n, loss] of losses.entries()) value += loss * (weights[n] as number);
    return {
      value: tf.scalar(value),
      dhidden_ND: mul(sub(tf.concat(this.pulls, 0), gather(w_VD, labels_N)), weights_N1),
      dw_VD: sub(this.pull_VD as tf.Tensor, onLabels_VD),
    };
  }
}
