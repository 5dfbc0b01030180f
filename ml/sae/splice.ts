import type * as tf from '@tensorflow/tfjs';
import type { CaptureItem } from '../activations/types.ts';
import { crossEntropy } from '../engine/cross-entropy.ts';
import { tensorflow } from '../engine/engine.ts';
import type { LanguageModel } from '../models/types.ts';
import type { Dictionary } from './dictionary.ts';
import { NO_LOSSES, type SplicedLosses } from './metrics/loss-recovered.ts';

export interface SpliceOptions {
  model: LanguageModel;
  dictionary: Dictionary;
  /** What mean ablation puts in: the mean activation over the kept positions. [D] */
  mean_D: Float32Array;
  /** Sequences run at once. */
  batch: number;
  padId: number;
}

/**
 * Losses of each item when the dictionary's layer is replaced at the item's kept positions, and of the model as it is.
 * Counted are the predictions made at kept positions, of every token that follows one. Items must not be pooled.
 */
export function splicedLosses(items: readonly CaptureItem[], options: SpliceOptions): SplicedLosses[] {
  const losses: SplicedLosses[] = items.map(() => ({ ...NO_LOSSES }));
  const byLength = items
    .map((_, i) => i)
    .sort((a, b) => items[a]!.ids.length - items[b]!.ids.length || a - b);
  for (let start = 0; start < byLength.length; start += options.batch) {
    const members = byLength.slice(start, start + options.batch);
    runGroup(
      members.map((i) => items[i]!),
      members.map((i) => losses[i]!),
      options,
    );
  }
  return losses;
}

/** Replaces activations at the kept rows of [B * T, D]. */
type Replacement = (acts_ND: tf.Tensor2D) => tf.Tensor2D;

function runGroup(group: readonly CaptureItem[], losses: SplicedLosses[], options: SpliceOptions): void {
  const tf = tensorflow();
  const { model, dictionary, mean_D } = options;
  const { ids, kept, T, at, next, owner } = layOut(group, options.padId);
  if (at.length === 0) return;
  tf.tidy(() => {
    const ids_BT = tf.tensor2d(ids, [group.length, T], 'int32');
    const kept_N1 = tf.tensor2d(kept, [kept.length, 1], 'bool');
    const at_P = tf.tensor1d(at, 'int32');
    const next_P = tf.tensor1d(next, 'int32');
    const logits = (replace: Replacement | null): tf.Tensor2D =>
      tf.tidy(() => {
        const run = (acts_BTD: tf.Tensor3D): tf.Tensor3D | undefined => {
          if (!replace) return undefined;
          const acts_ND = acts_BTD.reshape<tf.Tensor2D>([-1, model.width]);
          return tf.where(kept_N1, replace(acts_ND), acts_ND).reshape(acts_BTD.shape);
        };
        const { site, layer } = dictionary;
        const hidden_BTD = model.forward(ids_BT, { hooks: [{ site, layer, run }] });
        return model.unembed(tf.gather(hidden_BTD.reshape<tf.Tensor2D>([-1, model.width]), at_P));
      });
    const add = (name: keyof SplicedLosses, values_P: tf.Tensor1D): void => {
      const values = values_P.dataSync();
      for (let p = 0; p < values.length; p++) losses[owner[p]!]![name] += values[p]!;
    };
    const clean_PV = logits(null);
    const logClean_PV = tf.logSoftmax(clean_PV);
    const probability_PV = tf.exp<tf.Tensor2D>(logClean_PV);
    add('clean', crossEntropy(clean_PV, next_P));
    add('predictions', tf.onesLike(next_P).cast('float32'));
    const measure = (
      loss: keyof SplicedLosses,
      divergence: keyof SplicedLosses,
      replace: Replacement,
    ): void =>
      tf.tidy(() => {
        const logits_PV = logits(replace);
        add(loss, crossEntropy(logits_PV, next_P));
        const difference_PV = logClean_PV.sub(tf.logSoftmax(logits_PV));
        add(divergence, probability_PV.mul(difference_PV).sum<tf.Tensor1D>(1));
      });
    measure('reconstructed', 'klReconstructed', (acts_ND) => dictionary.decode(dictionary.encode(acts_ND)));
    measure('zero', 'klZero', (acts_ND) => tf.zerosLike(acts_ND));
    measure('mean', 'klMean', (acts_ND) => tf.zerosLike(acts_ND).add<tf.Tensor2D>(tf.tensor1d(mean_D)));
  });
}

/** A group as one padded batch: which of its N = B * T positions are kept, and which P predictions are counted. */
function layOut(group: readonly CaptureItem[], padId: number) {
  const T = Math.max(...group.map((item) => item.ids.length));
  const ids = new Int32Array(group.length * T).fill(padId);
  const kept = new Uint8Array(group.length * T);
  const at: number[] = [];
  const next: number[] = [];
  const owner: number[] = [];
  group.forEach((item, b) => {
    ids.set(item.ids, b * T);
    for (let t = item.from; t < item.to; t++) {
      kept[b * T + t] = 1;
      if (t + 1 >= item.ids.length) continue;
      at.push(b * T + t);
      next.push(item.ids[t + 1]!);
      owner.push(b);
    }
  });
  return { ids, kept, T, at, next, owner };
}
