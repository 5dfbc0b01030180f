/** US dollars for a million tokens, prompt and completion, as the vendor lists them. A spec may state its own `price`. */
export interface Price {
  prompt: number;
  completion: number;
}

const listed: Record<string, Price> = {
  'gpt-4': { prompt: 30, completion: 60 },
  'gpt-4-turbo': { prompt: 10, completion: 30 },
  'gpt-4-turbo-preview': { prompt: 10, completion: 30 },
  'gpt-4o': { prompt: 2.5, completion: 10 },
  'gpt-4o-mini': { prompt: 0.15, completion: 0.6 },
  'gpt-4.1': { prompt: 2, completion: 8 },
  'gpt-4.1-mini': { prompt: 0.4, completion: 1.6 },
  'gpt-4.1-nano': { prompt: 0.1, completion: 0.4 },
};

/** The price of `model`, dated versions (`gpt-4o-2024-08-06`) included; undefined when it is not listed. */
export function listedPrice(model: string): Price | undefined {
  return listed[model] ?? listed[model.replace(/-\d{4}-\d{2}-\d{2}$/, '')];
}

export function dollarsFor(price: Price, promptTokens: number, completionTokens: number): number {
  return (price.prompt * promptTokens + price.completion * completionTokens) / 1e6;
}

/**
 * An upper bound on the prompt's tokens before it is sent: no byte-level tokenizer makes more tokens than bytes, and chat
 * formats add a few for each message.
 */
export function promptTokenBound(messages: { content: string }[]): number {
  return messages.reduce((sum, message) => sum + Buffer.byteLength(message.content) + 16, 64);
}
