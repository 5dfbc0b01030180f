/** What all sides of the benchmarks of RLHF share: the same ids and scores as in data.py. */
export const PPO = { prompt: 16, response: 32, batch: 16, miniBatch: 8, epochs: 4 } as const;
export const DPO = { pairs: 8, length: 128, prompt: 32 } as const;
export const RATE = 1e-5;

function numbers(count: number, vocabulary: number, seed: number): number[] {
  let state = BigInt(seed);
  return Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) % 2147483648n;
    return Number(state >> 8n) % vocabulary;
  });
}

export function rows(count: number, length: number, vocabulary: number, seed: number): number[][] {
  const ids = numbers(count * length, vocabulary, seed);
  return Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length));
}

/** The function that rewards: of the ids alone. */
export const score = (response: readonly number[]) =>
  response.reduce((sum, id) => sum + (id % 7) - 3, 0) / 10;

/** Of the 70m shape: see `rlhf.ts`. */
const SHAPE = { layers: 6, width: 512, mlpWidth: 2048, vocabulary: 50304 } as const;

/**
 * Floating-point operations of the matrix products with weights in the parts of a step of PPO, counted as what must be done:
 * logits where a response token is predicted, every token once through the trunk, twice the forward pass for gradients.
 * Products inside attention, 2 % of these, are left out.
 */
export function ppoOperations(): Record<string, number> {
  const { layers, width, mlpWidth, vocabulary } = SHAPE;
  const token = 2 * layers * width * (4 * width + 2 * mlpWidth);
  const logits = 2 * width * vocabulary;
  const { batch, prompt, response, epochs } = PPO;
  const forward = batch * ((prompt + response - 1) * token + response * logits);
  return { generate: forward, 'log-probabilities': 2 * forward, update: 3 * epochs * forward };
}
