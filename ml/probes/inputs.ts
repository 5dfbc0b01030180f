import type { Activations } from '../activations/read.ts';
import type { Dictionary } from '../sae/dictionary.ts';
import { MEMBERS, type Triple } from '../triples/types.ts';
import type { Matrix } from './algebra/matrix.ts';
import { dictionaryFeatures, rawFeatures } from './features.ts';
import { PrincipalScores } from './principal-scores.ts';
import { bagOfWords, textLengths, tfIdf } from './text-features.ts';
import type { Representation } from './types.ts';

export interface InputSources {
  activations: Activations;
  layers: readonly number[];
  dictionaries: readonly Dictionary[];
  triples: readonly Triple[];
  /** What enters layer 0; null when it was not captured. */
  layer0: Activations | null;
  /** Principal components kept. */
  components: number;
}

/**
 * What a probe sees, one row a captured one. Principal components are those of all rows and texts are counted over all rows:
 * neither knows what words are worth.
 */
export function inputsOf(representation: Representation, sources: InputSources): Matrix {
  const { activations, layers, dictionaries, triples, layer0, components } = sources;
  switch (representation) {
    case 'sae':
      return dictionaryFeatures(activations, dictionaries);
    case 'raw':
      return rawFeatures(activations, layers);
    case 'pca':
      return leading(new PrincipalScores(rawFeatures(activations, layers)).scores, components);
    case 'layer-0':
      if (!layer0) throw new RangeError('inputs: what enters layer 0 was not captured');
      return rawFeatures(layer0, [0]);
    case 'bag-of-words':
      return bagOfWords(textsOf(triples)).counts;
    case 'tf-idf':
      return tfIdf(textsOf(triples));
    case 'length':
      return textLengths(textsOf(triples));
  }
}

const textsOf = (triples: readonly Triple[]): string[] =>
  triples.flatMap(({ texts }) => MEMBERS.map((member) => texts[member]));

/** The last `count` columns, which hold most of the variance. */
function leading({ rows, columns, data }: Matrix, count: number): Matrix {
  const kept = Math.min(count, columns);
  const out = new Float64Array(rows * kept);
  for (let i = 0; i < rows; i++) {
    out.set(data.subarray((i + 1) * columns - kept, (i + 1) * columns), i * kept);
  }
  return { rows, columns: kept, data: out };
}
