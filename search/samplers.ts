import { type CmaEsOptions, cmaEs } from './samplers/cma-es.ts';
import { type GpOptions, gp } from './samplers/gp.ts';
import { random } from './samplers/random.ts';
import { type SobolOptions, sobol } from './samplers/sobol.ts';
import { type TpeOptions, tpe } from './samplers/tpe.ts';
import type { Sampler } from './types.ts';

export interface SamplerOptions {
  random: Record<string, never>;
  sobol: SobolOptions;
  tpe: TpeOptions;
  gp: GpOptions;
  'cma-es': CmaEsOptions;
}

export type SamplerName = keyof SamplerOptions;

const SAMPLERS: { [N in SamplerName]: (options: SamplerOptions[N]) => Sampler } = {
  random,
  sobol,
  tpe,
  gp,
  'cma-es': cmaEs,
};

/** Those that take several objectives; gp and cma-es take one. */
export const FOR_SEVERAL_OBJECTIVES: readonly SamplerName[] = ['random', 'sobol', 'tpe'];

/** A sampler by the name that an experiment gives it. RangeError for options that make no sense. */
export function samplerOf<N extends SamplerName>(name: N, options: SamplerOptions[N]): Sampler {
  return SAMPLERS[name](options);
}
