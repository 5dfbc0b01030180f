import { type Activations, openActivations } from '../ml/activations/read.ts';
import {
  difference,
  meanSquareNorm,
  placeRows,
  type RowSource,
  requireSameRows,
  sideBySide,
} from '../ml/activations/row-source.ts';
import { ComputeError } from '../ml/failure.ts';
import type { DictionaryConfig } from '../ml/sae/dictionary.ts';
import type { SaeTrainParameters } from '../schemas/generated/parameters.ts';

/** What a dictionary is trained on: one captured place, or two of the same rows. */
export interface DictionaryData {
  /** Says which texts the rows are of, and the place that the dictionary reads. */
  activations: Activations;
  /** D, what is read. */
  width: number;
  /** E, what is reconstructed, if that is something else. */
  targetWidth: number | null;
  /** What to multiply by for a mean square norm of 1, judged by the first `rows` where it was not stored. */
  unitScales(rows: number): Scales;
  /** [D] of what is read, then [E] of what is reconstructed if that is something else. */
  source(scales: Scales): RowSource;
  config: Pick<DictionaryConfig, 'writes' | 'pair'>;
}

export interface Scales {
  read: number;
  /** Of what is reconstructed. */
  target: number;
}

/** @throws ComputeError bad-parameter for places of other rows; which parameters go with which variant, the schema says */
export function openDictionaryData(params: SaeTrainParameters): DictionaryData {
  const { variant } = params;
  if (variant === 'transcoder') return transcoderData(params);
  if (variant === 'crosscoder' || variant === 'diff') return pairData(params, variant);
  const activations = openActivations(params.activations.directory, params.site);
  const scale = activations.layer(params.layer).scale;
  return {
    activations,
    width: activations.index.width,
    targetWidth: null,
    unitScales: () => ({ read: scale, target: scale }),
    source: ({ read }) => placeRows(activations, params.layer, read),
    config: {},
  };
}

function transcoderData(params: SaeTrainParameters): DictionaryData {
  const activations = openActivations(params.activations.directory, params.site ?? 'mlp_in');
  const targetLayer = params['target-layer'] ?? params.layer;
  const from = (params.target ?? params.activations).directory;
  const target = openActivations(from, params['target-site'] ?? 'mlp_out');
  requireSameRows(activations, target, ['activations', 'target']);
  const { scale } = activations.layer(params.layer);
  const { width } = target.index;
  return {
    activations,
    width: activations.index.width,
    targetWidth: width,
    unitScales: () => ({ read: scale, target: target.layer(targetLayer).scale }),
    source: (scales) =>
      sideBySide(
        placeRows(activations, params.layer, scales.read),
        placeRows(target, targetLayer, scales.target),
      ),
    config: { writes: { layer: targetLayer, site: target.site, width, skip: params.transcoder.skip } },
  };
}

function pairData(params: SaeTrainParameters, variant: 'crosscoder' | 'diff'): DictionaryData {
  const { layer } = params;
  const base = openActivations(params.activations.directory, params.site);
  const tuned = openActivations((params.tuned as NonNullable<typeof params.tuned>).directory, base.site);
  requireSameRows(base, tuned, ['activations', 'tuned']);
  const { width } = base.index;
  if (tuned.index.width !== width) {
    throw new ComputeError(
      'bad-parameter',
      `\`activations\` are ${width} wide, \`tuned\` ${tuned.index.width}`,
      {
        hint: 'give the activations of the same layer before and after tuning',
      },
    );
  }
  const both = variant === 'crosscoder';
  // One factor for both models, so that what a feature writes in one compares with what it writes in the other.
  const common = (rows: number) =>
    1 /
    Math.sqrt(
      both
        ? (base.layer(layer).meanSquareNorm + tuned.layer(layer).meanSquareNorm) / 2
        : meanSquareNorm(difference(placeRows(tuned, layer), placeRows(base, layer)), rows),
    );
  return {
    activations: base,
    width: both ? 2 * width : width,
    targetWidth: null,
    unitScales(rows) {
      const scale = common(rows);
      if (Number.isFinite(scale)) return { read: scale, target: scale };
      throw new ComputeError('bad-data', `Tuning changed nothing at ${base.site} of layer ${layer}`, {
        hint: 'choose a layer that moved: `selected` of the model.divergence step',
      });
    },
    source: ({ read }) =>
      both
        ? sideBySide(placeRows(base, layer, read), placeRows(tuned, layer, read))
        : difference(placeRows(tuned, layer, read), placeRows(base, layer, read)),
    config: { pair: { reads: both ? 'both' : 'difference', tuned: tuned.index.model } },
  };
}
