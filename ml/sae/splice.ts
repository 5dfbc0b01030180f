import type * as tf from '@tensorflow/tfjs';
import type { CaptureItem } from '../activations/types.ts';
import { crossEntropy } from '../engine/cross-entropy.ts';
import { tensorflow } from '../engine/engine.ts';
import { ComputeError } from '../failure.ts';
import type { LanguageModel } from '../models/types.ts';
import type { Dictionary } from './dictionary.ts';
import { NO_LOSSES, type SplicedLosses } from './metrics/loss-recovered.ts';

export interface SpliceOptions {
  model: LanguageModel;
  dictionary: Dictionary;
  /** What mean ablation puts in: the mean over the kept positions of what the dictionary reconstructs. [E] */
  mean_E: Float32Array;
  /** Sequences run at once. */
  batch: number;
  padId: number;
}

/**
 * Losses of each item when what the dictionary reconstructs is replaced at the item's kept positions, and of the model as it is.
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

/**
 * What is put in at the kept rows of [B * T, E]. `read_ND` is what a transcoder reads, where it was computed before; an
 * autoencoder reads what it replaces.
 */
type Replacement = (acts_NE: tf.Tensor2D, read_ND: tf.Tensor2D | null) => tf.Tensor2D;

function runGroup(group: readonly CaptureItem[], losses: SplicedLosses[], options: SpliceOptions): void {
  const tf = tensorflow();
  const { model, dictionary, mean_E } = options;
  const { ids, kept, T, at, next, owner } = layOut(group, options.padId);
  if (at.length === 0) return;
  tf.tidy(() => {
    const ids_BT = tf.tensor2d(ids, [group.length, T], 'int32');
    const kept_N1 = tf.tensor2d(kept, [kept.length, 1], 'bool');
    const at_P = tf.tensor1d(at, 'int32');
    const next_P = tf.tensor1d(next, 'int32');
    const rows = (acts_BTD: tf.Tensor3D) => acts_BTD.reshape<tf.Tensor2D>([-1, acts_BTD.shape[2]]);
    const logits = (replace: Replacement | null): tf.Tensor2D =>
      tf.tidy(() => {
        let read_ND: tf.Tensor2D | null = null;
        const reads = (acts_BTD: tf.Tensor3D): undefined => {
          read_ND = rows(acts_BTD.clone());
        };
        const writes = (acts_BTE: tf.Tensor3D): tf.Tensor3D | undefined => {
          if (!replace) return undefined;
          const acts_NE = rows(acts_BTE);
          return tf.where(kept_N1, replace(acts_NE, read_ND), acts_NE).reshape(acts_BTE.shape);
        };
        const { site, layer } = dictionary;
        const target = dictionary.config.writes;
        const hooks = target
          ? [
              { site, layer, run: reads },
              { site: target.site, layer: target.layer, run: writes },
            ]
          : [{ site, layer, run: writes }];
        const hidden_BTD = model.forward(ids_BT, { hooks });
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
    measure('reconstructed', 'klReconstructed', (acts_NE, read_ND) => {
      const from_ND = dictionary.config.writes ? read_ND : acts_NE;
      if (!from_ND) throw readsTooLate(dictionary);
      return dictionary.decode(dictionary.encode(from_ND), from_ND);
    });
    measure('zero', 'klZero', (acts_NE) => tf.zerosLike(acts_NE));
    measure('mean', 'klMean', (acts_NE) => tf.zerosLike(acts_NE).add<tf.Tensor2D>(tf.tensor1d(mean_E)));
  });
}

function readsTooLate({ layer, site, config: { writes } }: Dictionary): ComputeError {
  return new ComputeError(
    'bad-parameter',
    `The transcoder reads ${site} of layer ${layer}, which the model computes after ${writes?.site} of layer ${writes?.layer}: it cannot stand for it`,
    { hint: 'train it with a `target` that comes after what it reads' },
  );
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
