import type { Activations } from '../activations/read.ts';
import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import { ComputeError } from '../failure.ts';
import type { Dictionary } from '../sae/dictionary.ts';
import type { Matrix } from './algebra/matrix.ts';

/** Rows encoded at once: bounds the memory beside the result. */
const BATCH = 1024;

/** The captured activations of the layers, side by side in ascending order of layer: [R, layers * D]. */
export function rawFeatures(activations: Activations, layers: readonly number[]): Matrix {
  const { rows, width } = activations.index;
  const columns = layers.length * width;
  const data = new Float32Array(rows * columns);
  layers.forEach((layer, l) => {
    for (let start = 0; start < rows; start += BATCH) {
      const end = Math.min(rows, start + BATCH);
      place(activations.rows(layer, start, end), width, data, columns, start, l * width);
    }
  });
  return { rows, columns, data };
}

/**
 * Dictionary features of the captured activations, dictionaries side by side in ascending order of layer: [R, sum of F].
 * @throws ComputeError bad-parameter when two dictionaries read one layer, or one reads another site or width
 */
export function dictionaryFeatures(activations: Activations, dictionaries: readonly Dictionary[]): Matrix {
  const sorted = byLayer(dictionaries);
  const { site } = activations;
  const { rows, width } = activations.index;
  for (const dictionary of sorted) {
    if (dictionary.site !== site || dictionary.width !== width) {
      throw new ComputeError(
        'bad-parameter',
        `The dictionary of layer ${dictionary.layer} reads ${dictionary.site} of width ${dictionary.width}, ` +
          `the activations are ${site} of width ${width}`,
        { hint: 'capture the triples at the place that the dictionaries were trained on' },
      );
    }
  }
  const columns = sorted.reduce((sum, dictionary) => sum + dictionary.features, 0);
  const data = new Float32Array(rows * columns);
  let column = 0;
  for (const dictionary of sorted) {
    for (let start = 0; start < rows; start += BATCH) {
      const end = Math.min(rows, start + BATCH);
      const block = encode(dictionary, activations.rows(dictionary.layer, start, end), end - start);
      place(block, dictionary.features, data, columns, start, column);
    }
    column += dictionary.features;
  }
  return { rows, columns, data };
}

/** @throws ComputeError bad-parameter when two dictionaries read the same layer */
export function byLayer(dictionaries: readonly Dictionary[]): Dictionary[] {
  const sorted = [...dictionaries].sort((a, b) => a.layer - b.layer);
  sorted.forEach((dictionary, i) => {
    if (i > 0 && dictionary.layer === sorted[i - 1]?.layer) {
      throw new ComputeError('bad-parameter', `Two of the dictionaries read layer ${dictionary.layer}`, {
        hint: "choose one a layer, as in ${{ select(steps.saes, 'variant', 'topk') }}",
      });
    }
  });
  return sorted;
}

function encode(dictionary: Dictionary, acts_RD: Float32Array, rows: number): Float32Array {
  return dataOf(() => dictionary.encode(tensorflow().tensor2d(acts_RD, [rows, dictionary.width])));
}

/** Copies a block [n, width] into rows row .. row+n of a wider matrix, from `column` on. */
function place(
  block: Float32Array,
  width: number,
  data: Float32Array,
  columns: number,
  row: number,
  column: number,
): void {
  for (let i = 0; i * width < block.length; i++) {
    data.set(block.subarray(i * width, (i + 1) * width), (row + i) * columns + column);
  }
}
