/** US dollars for a million tokens, prompt and completion. */
export interface Price {
  prompt: number;
  completion: number;
  /** The share of these prices that a call costs in a batch; 1 when absent. */
  batch?: number;
}

/** When the prices below were those of the vendor. A spec may state its own `price`, which then counts. */
export const PRICES_OF = '2026-03';

const HALF = 0.5;

const listed: Record<string, Price> = {
  'gpt-4': { prompt: 30, completion: 60, batch: HALF },
  'gpt-4-turbo': { prompt: 10, completion: 30, batch: HALF },
  'gpt-4-turbo-preview': { prompt: 10, completion: 30, batch: HALF },
  'gpt-4o': { prompt: 2.5, completion: 10, batch: HALF },
  'gpt-4o-mini': { prompt: 0.15, completion: 0.6, batch: HALF },
  'gpt-4.1': { prompt: 2, completion: 8, batch: HALF },
  'gpt-4.1-mini': { prompt: 0.4, completion: 1.6, batch: HALF },
  'gpt-4.1-nano': { prompt: 0.1, completion: 0.4, batch: HALF },
};

/** The price of `model`, dated versions (`gpt-4o-2024-08-06`) included; undefined when it is not listed. */
export function listedPrice(model: string): Price | undefined {
  return listed[model] ?? listed[model.replace(/-\d{4}-\d{2}-\d{2}$/, '')];
}

/** What calls in a batch cost. */
export function batchPrice({ prompt, completion, batch = 1 }: Price): Price {
  return { prompt: prompt * batch, completion: completion * batch };
}

export function dollarsFor(price: Price, promptTokens: number, completionTokens: number): number {
  return (price.prompt * promptTokens + price.completion * completionTokens) / 1e6;
}
