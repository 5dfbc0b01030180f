import { tensorChange } from './change.ts';
import { frobeniusDivergence } from './frobenius.ts';
import { relativeDivergence } from './relative.ts';
import type { LayerDivergence, TensorPair } from './types.ts';

/** Both divergences of one block. */
export function layerDivergence(layer: number, pairs: Iterable<TensorPair>): LayerDivergence {
  const tensors = Array.from(pairs, tensorChange);
  const mlp = tensors.filter(({ name }) => name.includes('.mlp.'));
  return {
    layer,
    frobenius: frobeniusDivergence(tensors),
    relative: relativeDivergence(tensors),
    mlpFrobenius: frobeniusDivergence(mlp),
    mlpRelative: relativeDivergence(mlp),
    tensors,
  };
}

/** `faithful`: the paper's sum of norms. `corrected`: the relative divergence. */
export type DivergenceProtocol = 'faithful' | 'corrected';

/** The paper's text speaks of MLP layers, its code ranks whole blocks. */
export type DivergenceScope = 'block' | 'mlp';

export function divergenceOf(
  layer: LayerDivergence,
  protocol: DivergenceProtocol,
  scope: DivergenceScope,
): number {
  if (protocol === 'faithful') return scope === 'block' ? layer.frobenius : layer.mlpFrobenius;
  return scope === 'block' ? layer.relative : layer.mlpRelative;
}

/** Layer indices from the largest divergence to the smallest; of equals, the earlier layer first. */
export function rankLayers(
  layers: readonly LayerDivergence[],
  protocol: DivergenceProtocol,
  scope: DivergenceScope,
): number[] {
  const size = (layer: LayerDivergence) => divergenceOf(layer, protocol, scope);
  return [...layers].sort((a, b) => size(b) - size(a) || a.layer - b.layer).map(({ layer }) => layer);
}

/** The `keep` layers that moved most, ascending. */
export const selectLayers = (ranking: readonly number[], keep: number): number[] =>
  ranking.slice(0, keep).sort((a, b) => a - b);
