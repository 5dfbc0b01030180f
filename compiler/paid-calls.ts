import type { Json } from '../store/types.ts';
import type { Estimate } from './kinds/types.ts';
import { batchPrice, dollarsFor, listedPrice, type Price } from './llm-prices.ts';

/** Calls of a language model that a step is expected to make. */
export interface PaidCalls {
  calls: number;
  promptTokens: number;
  completionTokens: number;
  /** What the calls cost at their price. Above the cap, the step will stop there. */
  price: number;
  /** US dollars that may be spent, all `spend-cap`s together; 0 of one that is not known yet. */
  cap: number;
}

/** What an estimate says of paid calls. */
export type PaidEstimate = Pick<Estimate, 'dollars' | 'paid'>;

export const UNPAID: PaidEstimate = { dollars: 0 };

/** Of a model that is not listed, for a rough bill. */
const USUAL: Price = { prompt: 2.5, completion: 10 };

/**
 * A rough bill, never above the cap.
 * @param asked who is asked: `model`, `price`, `batch` and `spend-cap` of a labeller or a judge, as far as they are known
 * @param promptTokens of all calls together; so are `completionTokens`
 */
export function paidCalls(
  asked: unknown,
  calls: number,
  promptTokens: number,
  completionTokens: number,
): PaidEstimate {
  const {
    model = '',
    price,
    batch = false,
    'spend-cap': cap,
  } = asked as { model?: string; price?: Price; batch?: boolean; 'spend-cap'?: number };
  const each = price ?? listedPrice(model) ?? USUAL;
  const dollars = dollarsFor(batch ? batchPrice(each) : each, promptTokens, completionTokens);
  return {
    dollars: Math.min(cap ?? Number.POSITIVE_INFINITY, dollars),
    paid: { calls, promptTokens, completionTokens, price: dollars, cap: cap ?? 0 },
  };
}

/** The bill of a labeller: only language models cost money. Tokens are those of all calls together. */
export function labelCost(
  labeller: Json | undefined,
  calls: number,
  promptTokens: number,
  completionTokens: number,
): PaidEstimate {
  const asked = labeller as { type?: string } | null | undefined;
  return asked?.type === 'openai' ? paidCalls(asked, calls, promptTokens, completionTokens) : UNPAID;
}

const NO_CALLS: PaidCalls = { calls: 0, promptTokens: 0, completionTokens: 0, price: 0, cap: 0 };

/** Several bills as one. */
export function sumOfCosts(costs: readonly PaidEstimate[]): PaidEstimate {
  let sum = UNPAID;
  for (const { dollars, paid } of costs) {
    const calls = paid && plusCalls(sum.paid ?? NO_CALLS, paid);
    const both = calls ?? sum.paid;
    sum = { dollars: sum.dollars + dollars, ...(both && { paid: both }) };
  }
  return sum;
}

/** The bill of so many points, or of a share of them. */
export function timesCost({ dollars, paid }: PaidEstimate, by: number): PaidEstimate {
  if (!paid) return { dollars: dollars * by };
  const { calls, promptTokens, completionTokens, price, cap } = paid;
  return {
    dollars: dollars * by,
    paid: {
      calls: calls * by,
      promptTokens: promptTokens * by,
      completionTokens: completionTokens * by,
      price: price * by,
      cap: cap * by,
    },
  };
}

function plusCalls(a: PaidCalls, b: PaidCalls): PaidCalls {
  return {
    calls: a.calls + b.calls,
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    price: a.price + b.price,
    cap: a.cap + b.cap,
  };
}
