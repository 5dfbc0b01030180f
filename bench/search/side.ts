import { type SamplerName, samplerOf } from '../../search/samplers.ts';
import type { Trial } from '../../search/types.ts';
import { FUNCTIONS, type TestFunction } from './functions.ts';

/** What is compared: a sampler with its defaults on a function, over seeds 0 .. seeds - 1. */
export interface Comparison {
  function: string;
  sampler: SamplerName;
  trials: number;
  seeds: number;
}

/** The least regret after half of the trials, and after all. */
export function regretsOf(
  { function: name, sampler: samplerName, trials }: Comparison,
  seed: number,
): [number, number] {
  const { space, minimum, at } = FUNCTIONS[name] as TestFunction;
  const sampler = samplerOf(samplerName, {});
  const history: Trial[] = [];
  const regrets: number[] = [];
  for (let number = 0; number < trials; number++) {
    const values = sampler.propose(space, ['minimise'], history, seed);
    const value = at(values);
    history.push({ number, values, state: 'complete', objectives: [value], reports: [] });
    regrets.push(value - minimum);
  }
  return [Math.min(...regrets.slice(0, Math.floor(trials / 2))), Math.min(...regrets)];
}
