/**
 * What changes the logits of one row before a token is drawn, in the order and with the borders of `transformers`
 * (generation/logits_process.py, GenerationMixin._get_logits_processor):
 *
 *   repetition penalty, temperature, top-k, top-p, min-p
 *
 * Tokens that are cut have the logit -infinity. Each returns a new array, or the same one where nothing is to do.
 */
export interface ProcessorOptions {
  /** Divides the logits; 0 leaves them as they are, for greedy choice. */
  temperature: number;
  /** 0: all. */
  topK: number;
  /** 1: all. */
  topP: number;
  /** Cuts tokens less likely than this share of the likeliest one's probability (Nguyen et al. 2024). 0: none. */
  minP: number;
  /** Keskar et al. 2019, eq. 1, over the tokens of prompt and completion. 1: none. */
  repetitionPenalty: number;
}

export function processLogits(
  logits_V: Float32Array,
  seen: Iterable<number>,
  options: ProcessorOptions,
): Float32Array {
  const { temperature, topK, topP, minP, repetitionPenalty } = options;
  const penalised = penaliseRepetition(logits_V, seen, repetitionPenalty);
  // At temperature 0 the likeliest token is taken, and no cut removes it.
  if (temperature === 0) return penalised;
  return cutMinP(cutTopP(cutTopK(divide(penalised, temperature), topK), topP), minP);
}

/** The logit of each seen token, once however often it was seen: / penalty above 0, * penalty below. */
export function penaliseRepetition(
  logits_V: Float32Array,
  seen: Iterable<number>,
  penalty: number,
): Float32Array {
  if (penalty === 1) return logits_V;
  const result = logits_V.slice();
  for (const id of new Set(seen)) {
    const logit = logits_V[id] as number;
    result[id] = logit < 0 ? logit * penalty : logit / penalty;
  }
  return result;
}

const divide = (logits_V: Float32Array, temperature: number): Float32Array =>
  temperature === 1 ? logits_V : logits_V.map((logit) => logit / temperature);

/** Keeps the k largest, and what ties with the last of them. */
export function cutTopK(logits_V: Float32Array, k: number): Float32Array {
  if (k === 0 || k >= logits_V.length) return logits_V;
  const border = logits_V.slice().sort()[logits_V.length - k] as number;
  return cut(logits_V, (logit) => logit < border);
}

/** Cuts the least likely tokens that together have at most 1 - p of the probability; the likeliest stays. */
export function cutTopP(logits_V: Float32Array, p: number): Float32Array {
  if (p === 1) return logits_V;
  const weights = weightsOf(logits_V);
  const order = Array.from(weights.keys()).sort(
    (a, b) => (weights[a] as number) - (weights[b] as number) || b - a,
  );
  const most = (1 - p) * weights.reduce((sum, weight) => sum + weight, 0);
  const result = logits_V.slice();
  let mass = 0;
  for (const id of order.slice(0, -1)) {
    mass += weights[id] as number;
    if (mass > most) break;
    result[id] = Number.NEGATIVE_INFINITY;
  }
  return result;
}

export function cutMinP(logits_V: Float32Array, share: number): Float32Array {
  if (share === 0) return logits_V;
  const weights = weightsOf(logits_V);
  // The likeliest token has weight 1.
  return cut(logits_V, (_logit, id) => (weights[id] as number) < share);
}

/** exp(logit - largest logit): probabilities up to a factor. */
export function weightsOf(logits_V: Float32Array): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  // Not Math.max: of NaN the sampler must hear.
  for (const logit of logits_V) if (!(logit <= largest)) largest = logit;
  return Float64Array.from(logits_V, (logit) => Math.exp(logit - largest));
}

const cut = (logits_V: Float32Array, isOut: (logit: number, id: number) => boolean): Float32Array =>
  logits_V.map((logit, id) => (isOut(logit, id) ? Number.NEGATIVE_INFINITY : logit));
