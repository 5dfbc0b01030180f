import { ConfigError, configReader } from '../config.ts';

/**
 * The angles by which rotary positions turn, one for each pair of dimensions, in float32 as the models were trained with.
 *
 *   default    f_i = base^(-2i/d)
 *   linear     f_i / factor                       (Chen et al. 2023, arXiv 2306.15595)
 *   dynamic    base grows with rows longer than those of training: base ((factor L / M) - factor + 1)^(d/(d-2))
 *   llama3     long waves slowed down by the factor, short ones kept, those between interpolated (Llama 3.1)
 *
 * As `modeling_rope_utils.py` of transformers computes them.
 */
export interface RotaryFrequencies {
  /** Angles per position for rows of at most `length` positions: [d/2]. */
  at(length: number): Float32Array;
  /** Rows up to this length all turn alike. */
  steadyLength: number;
  /** The longest row that the scaling is meant for. */
  maxPositions: number;
}

export function defaultFrequencies(base: number, rotated: number): Float32Array {
  return Float32Array.from({ length: rotated / 2 }, (_, i) => 1 / Math.fround(base ** ((2 * i) / rotated)));
}

/** Reads rope_parameters (transformers 5) or rope_theta and rope_scaling (4) of a config.json. */
export function readFrequencies(
  config: Record<string, unknown>,
  rotated: number,
  trained: number,
): RotaryFrequencies {
  const top = configReader(config);
  const field = config.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const given = top.object(field) ?? {};
  const read = configReader(given, `config.json, ${field}`);
  const type = read.string('rope_type', read.string('type', 'default'));
  const base = read.number('rope_theta', top.number('rope_theta', 10000));
  const partial = read.number('partial_rotary_factor', top.number('partial_rotary_factor', 1));
  if (partial !== 1)
    throw new ConfigError(
      `config.json: partial_rotary_factor ${partial} is not supported for this model_type`,
      'the whole head must turn: 1',
    );
  const plain = defaultFrequencies(base, rotated);
  const steady = (frequencies: Float32Array): RotaryFrequencies => ({
    at: () => frequencies,
    steadyLength: Number.POSITIVE_INFINITY,
    maxPositions: trained,
  });
  switch (type) {
    case 'default':
      return steady(plain);
    case 'linear': {
      const factor = read.number('factor');
      return steady(plain.map((frequency) => frequency / factor));
    }
    case 'llama3':
      return steady(llama3(plain, read, trained));
    case 'dynamic': {
      const factor = read.number('factor');
      const grown = (length: number) =>
        base * ((factor * length) / trained - (factor - 1)) ** (rotated / (rotated - 2));
      return {
        at: (length) => (length <= trained ? plain : defaultFrequencies(grown(length), rotated)),
        steadyLength: trained,
        maxPositions: Math.floor(trained * factor),
      };
    }
    default:
      throw new ConfigError(
        `config.json: ${field} asks for the rotary scaling "${type}", which is not supported`,
        'default, linear, dynamic and llama3 are',
      );
  }
}

function llama3(plain: Float32Array, read: ReturnType<typeof configReader>, trained: number): Float32Array {
  const factor = read.number('factor');
  const low = read.number('low_freq_factor');
  const high = read.number('high_freq_factor');
  const context = read.number('original_max_position_embeddings', trained);
  return plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > context / low) return frequency / factor;
    if (wavelength < context / high) return frequency;
    const smooth = (context / wavelength - low) / (high - low);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}
