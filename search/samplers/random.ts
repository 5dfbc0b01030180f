import { stream } from '../../ml/random/stream.ts';
import { checkSpace, fromUnit } from '../space.ts';
import type { Sampler, Value } from '../types.ts';

/** Independent draws, even over each dimension (Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", 2012). */
export function random(): Sampler {
  return {
    propose(space, _directions, trials, seed) {
      checkSpace(space);
      const draws = stream(seed, `search.random.${trials.length}`);
      const values: Record<string, Value> = {};
      for (const dimension of space) values[dimension.name] = fromUnit(dimension, draws.uniform());
      return values;
    },
  };
}
