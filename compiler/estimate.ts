import type { Json } from '../store/types.ts';
import type { Estimate, KindDefinition } from './kinds/types.ts';
import { sumOfCosts, timesCost } from './paid-calls.ts';
import { UNKNOWN, type Value } from './plan/value.ts';

/** What a step is expected to take, all its points together; memory is that of its largest point. */
export interface StepEstimate extends Estimate {
  /** Points, at most. */
  points: number;
  /** False when an axis is known only at run time: then everything here is a bound. */
  exact: boolean;
}

export interface Totals extends StepEstimate {
  gpuHours: number;
}

/** Parameters as `estimate` of a kind takes them: what is not known is absent, elements of lists null. */
export function knownParams(params: Readonly<Record<string, Value>>): Record<string, Json | undefined> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, known(value)]));
}

function known(value: Value): Json | undefined {
  if (value === UNKNOWN || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map((item) => known(item) ?? null);
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([name, inner]) => [name, known(inner as Value)]);
    return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined)) as Json;
  }
  return value;
}

export function estimatePoint(definition: KindDefinition, params: Readonly<Record<string, Value>>): Estimate {
  return definition.estimate(knownParams(params));
}

export const NOTHING: StepEstimate = {
  points: 0,
  exact: true,
  steps: 0,
  seconds: 0,
  memoryBytes: 0,
  dollars: 0,
};

/** `times` points that each take `one`, added. */
export function plus(sum: StepEstimate, one: Estimate, times: number, exact: boolean): StepEstimate {
  return {
    points: sum.points + times,
    exact: sum.exact && exact,
    steps: sum.steps + one.steps * times,
    seconds: sum.seconds + one.seconds * times,
    memoryBytes: Math.max(sum.memoryBytes, one.memoryBytes),
    ...sumOfCosts([sum, timesCost(one, times)]),
  };
}

export function totals(steps: Iterable<{ estimate: StepEstimate; queue: string }>): Totals {
  const total: Totals = { ...NOTHING, gpuHours: 0 };
  for (const { estimate, queue } of steps) {
    total.points += estimate.points;
    total.exact &&= estimate.exact;
    total.steps += estimate.steps;
    total.seconds += estimate.seconds;
    total.memoryBytes = Math.max(total.memoryBytes, estimate.memoryBytes);
    Object.assign(total, sumOfCosts([total, estimate]));
    if (queue === 'gpu') total.gpuHours += estimate.seconds / 3600;
  }
  return total;
}
