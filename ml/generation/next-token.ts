import { ComputeError } from '../failure.ts';
import type { RandomStream } from '../random/stream.ts';
import { processLogits, weightsOf } from './logits-processors.ts';

/** Drawing one token from one row of probabilities, in float64. */
export interface SamplerOptions {
  /** Divides the logits; 0 takes the likeliest token. Default 1. */
  temperature?: number;
  /** Only the k likeliest tokens (Fan et al. 2018). 0: all. Default 0. */
  topK?: number;
  /** Only the smallest set of likeliest tokens with this much probability (Holtzman et al. 2020). Default 1: all. */
  topP?: number;
  /** Only tokens with at least this share of the likeliest one's probability (Nguyen et al. 2024). Default 0: all. */
  minP?: number;
  /** Above 1: tokens of prompt and completion become less likely (Keskar et al. 2019). Default 1: none. */
  repetitionPenalty?: number;
}

/**
 * weights_V of one row, at or above 0, need not sum to 1 -> a token. At temperature 0 they may be logits, and where
 * `needsLogits(options)` they must be. `seen`: the tokens so far.
 */
export type NextToken = (weights_V: Float32Array, draws: RandomStream, seen?: Iterable<number>) => number;

/** Whether tokens are drawn from processed logits: what the probabilities alone cannot tell. */
export const needsLogits = ({ minP = 0, repetitionPenalty = 1 }: SamplerOptions): boolean =>
  minP !== 0 || repetitionPenalty !== 1;

/** @throws RangeError naming the option that is out of its range */
export function nextTokenSampler(options: SamplerOptions): NextToken {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  if (!(temperature >= 0)) throw new RangeError(`temperature is ${temperature}: it needs to be 0 or more`);
  if (!(Number.isInteger(topK) && topK >= 0))
    throw new RangeError(`topK is ${topK}: it needs a whole number, 0 for all`);
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`topP is ${topP}: it needs to be above 0 and at most 1`);
  if (!(minP >= 0 && minP <= 1)) throw new RangeError(`minP is ${minP}: it needs to be from 0 to 1`);
  if (!(repetitionPenalty > 0 && repetitionPenalty < Number.POSITIVE_INFINITY))
    throw new RangeError(`repetitionPenalty is ${repetitionPenalty}: it needs to be above 0`);
  if (needsLogits(options)) {
    const processors = { temperature, topK, topP, minP, repetitionPenalty };
    return (logits, draws, seen = []) =>
      drawProcessed(processLogits(logits, seen, processors), temperature, draws);
  }
  if (temperature === 0) return (weights) => largest(weights);
  if (topK === 0 && topP === 1) return (weights, draws) => place(weights, draws.uniform() * total(weights));
  return (weights, draws) => drawRestricted(weights, topK, topP, draws);
}

function drawProcessed(logits: Float32Array, temperature: number, draws: RandomStream): number {
  if (temperature === 0) return largest(logits);
  const weights = weightsOf(logits);
  return place(weights, draws.uniform() * total(weights));
}

/** As transformers: top-k first, then top-p among those left. Ties at the border: the lower id stays. */
function drawRestricted(weights: Float32Array, topK: number, topP: number, draws: RandomStream): number {
  total(weights);
  const order = Array.from(weights.keys()).sort(
    (a, b) => (weights[b] as number) - (weights[a] as number) || a - b,
  );
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const mass = kept.map((id) => weights[id] as number);
  const threshold = topP * mass.reduce((sum, x) => sum + x, 0);
  let count = 0;
  let nucleus = 0;
  // The token that crosses the threshold is still in.
  while (count < kept.length && nucleus < threshold) nucleus += mass[count++] as number;
  return kept[place(mass.slice(0, count), draws.uniform() * nucleus)] as number;
}

/** The first index at which the running sum exceeds `target`. */
function place(weights: ArrayLike<number>, target: number): number {
  let sum = 0;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight > 0) last = i;
    sum += weight;
    if (sum > target) return i;
  }
  // Only rounding leads here: the last token that can be drawn at all.
  return last;
}

function total(weights: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i] as number;
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) throw brokenModel(sum);
  return sum;
}

function largest(weights: Float32Array): number {
  let best = 0;
  for (let i = 1; i < weights.length; i++) {
    if (!((weights[i] as number) <= (weights[best] as number))) best = i;
  }
  if (!Number.isFinite(weights[best])) throw brokenModel(weights[best] as number);
  return best;
}

const brokenModel = (value: number) =>
  new ComputeError(
    'nan-loss',
    `The model's output is ${value}: its weights are broken, or its training has diverged`,
    { hint: 'lower the `learning-rate` of the step that trained this model' },
  );
