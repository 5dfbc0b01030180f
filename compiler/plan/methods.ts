import { type PrunerName, type PrunerOptions, prunerOf } from '../../search/pruners.ts';
import { type SamplerName, type SamplerOptions, samplerOf } from '../../search/samplers.ts';
import type { Pruner, Sampler } from '../../search/types.ts';
import type { Json } from '../../store/types.ts';
import type { Method, PlanSearch } from './types.ts';

/** Samplers that look at what trials gave. */
const LOOKING = ['tpe', 'gp', 'cma-es'];

/** A pruner that knows by itself at which lengths it judges a trial. */
export type KnowingPruner = Pruner & { rungs?(trial: number, whole: number): number[] };

export function samplerFor({ type, options }: Method): Sampler {
  return samplerOf(type as SamplerName, options as unknown as SamplerOptions[SamplerName]);
}

export function prunerFor({ pruner, parts }: Pick<PlanSearch, 'pruner' | 'parts'>): KnowingPruner {
  // Hyperband plans its brackets by how long a whole training is.
  const whole: Record<string, Json> = pruner.type === 'hyperband' && parts ? { max: parts.whole } : {};
  const options = { ...whole, ...pruner.options };
  return prunerOf(pruner.type as PrunerName, options as unknown as PrunerOptions[PrunerName]);
}

/** Whether what a trial tries, or how far it goes, depends on other trials. */
export const looksBack = ({ sampler, pruner }: PlanSearch): boolean =>
  LOOKING.includes(sampler.type) || pruner.type !== 'none';
