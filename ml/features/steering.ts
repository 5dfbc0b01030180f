import type * as tf from '@tensorflow/tfjs';
import type { Activations } from '../activations/read.ts';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { ComputeError } from '../failure.ts';
import type { Hook, HookSite } from '../models/types.ts';
import { captureRow } from '../probes/rows.ts';
import type { RandomStream } from '../random/stream.ts';
import type { Dictionary } from '../sae/dictionary.ts';

/** What is added at one place of the model. */
export interface Direction {
  site: HookSite;
  layer: number;
  /** Of unit length. [D] */
  unit_D: Float32Array;
  /** Root mean square norm of the activations there: dose 1 adds a vector as long as the activations themselves. */
  norm: number;
}

/**
 * The direction in which activations at words that the feedback rewards differ from those at words that it punishes, in the
 * same contexts: u = (mean x+ - mean x-), of unit length ("difference in means": Marks & Tegmark 2023; added while the model
 * writes: Rimsky et al., "Steering Llama 2 via Contrastive Activation Addition", ACL 2024, section 3).
 */
export function differenceDirection(activations: Activations, layer: number): Direction {
  const sum_D = contrast(activations, layer, (acts_ND) => acts_ND, activations.index.width);
  return direction(activations, layer, sum_D);
}

/**
 * The part of that which certain features of a dictionary write: sum over them of (mean f_i(x+) - mean f_i(x-)) d_i, of unit
 * length. The features' signs follow from the words, not from their descriptions.
 *
 * @param as the features whose directions are written with these weights instead, one each: a control; default: themselves
 */
export function featureDirection(
  activations: Activations,
  dictionary: Dictionary,
  features: readonly number[],
  as: readonly number[] = features,
): Direction {
  const weights_F = contrast(
    activations,
    dictionary.layer,
    (acts_ND) => dictionary.encode(acts_ND),
    dictionary.features,
  );
  const decoder_FD = dictionary.decoder_FD.dataSync();
  const { width } = dictionary;
  const sum_D = new Float64Array(width);
  as.forEach((feature, i) => {
    const weight = weights_F[features[i] as number] as number;
    for (let d = 0; d < width; d++)
      sum_D[d] = (sum_D[d] as number) + weight * (decoder_FD[feature * width + d] as number);
  });
  return direction(activations, dictionary.layer, sum_D);
}

/** A direction drawn evenly, at the same place: the control of any other. */
export function randomDirection({ site, layer, norm, unit_D }: Direction, draws: RandomStream): Direction {
  const drawn_D = draws.normals(unit_D.length);
  return { site, layer, norm, unit_D: unit(drawn_D) as Float32Array };
}

/** Hooks that add `dose` times the activations' norm along each direction, at every position. Dispose of them when done. */
export function steeringHooks(
  directions: readonly Direction[],
  dose: number,
): { hooks: Hook[]; dispose(): void } {
  const tf = tensorflow();
  const added = directions.map(({ unit_D, norm }) => tf.tensor1d(unit_D.map((u) => dose * norm * u)));
  const hooks = directions.map(
    ({ site, layer }, i): Hook => ({
      site,
      layer,
      run: (acts_BTD) => acts_BTD.add<tf.Tensor3D>(added[i] as tf.Tensor1D),
    }),
  );
  return { hooks, dispose: () => tf.dispose(added) };
}

/** Rows read at once. */
const BATCH = 3 * 512;

/** Mean of `read` at positive targets minus its mean at negative ones: [W]. */
function contrast(
  activations: Activations,
  layer: number,
  read: (acts_ND: tf.Tensor2D) => tf.Tensor2D,
  width: number,
): Float64Array {
  const { rows, width: D } = activations.index;
  const sum_W = new Float64Array(width);
  const triples = Math.floor(rows / 3);
  for (let start = 0; start < 3 * triples; start += BATCH) {
    const end = Math.min(3 * triples, start + BATCH);
    const values = dataOf(() =>
      read(tensorflow().tensor2d(activations.rows(layer, start, end), [end - start, D])),
    );
    for (let triple = start / 3; triple < end / 3; triple++) {
      const positive = (captureRow(triple, 'positive') - start) * width;
      const negative = (captureRow(triple, 'negative') - start) * width;
      for (let w = 0; w < width; w++)
        sum_W[w] = (sum_W[w] as number) + (values[positive + w] as number) - (values[negative + w] as number);
    }
  }
  return sum_W.map((sum) => sum / triples);
}

function direction(activations: Activations, layer: number, sum_D: Float64Array): Direction {
  const unit_D = unit(sum_D);
  if (!unit_D)
    throw new ComputeError('bad-data', `Nothing tells rewarded from punished words at layer ${layer}`, {
      hint: 'give `activations` captured at the triples of this feedback, or other `features`',
    });
  return {
    site: activations.site,
    layer,
    unit_D,
    norm: Math.sqrt(activations.layer(layer).meanSquareNorm),
  };
}

/** null: of no length. */
function unit(vector: Float32Array | Float64Array): Float32Array | null {
  const values = Array.from(vector);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm > 0 ? Float32Array.from(values, (value) => value / norm) : null;
}
