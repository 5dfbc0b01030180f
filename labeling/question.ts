import { createHash } from 'node:crypto';
import { dollarsFor, type Price } from '../compiler/llm-prices.ts';
import { canonicalJson } from '../store/canonical.ts';
import type { Json } from '../store/types.ts';
import { type ChatSettings, questionOf } from './chat.ts';
import { promptTokenBound } from './token-bound.ts';
import type { LabelRequest } from './types.ts';

/** A question and where it stands. */
export interface Question {
  /** Digest of what is asked: what the reply is kept under, and the `custom_id` in a batch. */
  id: string;
  key: Json;
  original: LabelRequest;
  /** What is sent next: the original, or that with the fault of the last reply shown. */
  next: LabelRequest;
  tries: number;
}

export function newQuestion(request: LabelRequest, settings: ChatSettings): Question {
  const key = questionOf(request, settings);
  const id = createHash('sha256').update(canonicalJson(key)).digest('hex').slice(0, 40);
  return { id, key, original: request, next: request, tries: 0 };
}

/** What a call can cost at most. */
export function worstDollars(price: Price, { messages, maxTokens }: LabelRequest): number {
  return dollarsFor(price, promptTokenBound(messages), maxTokens);
}
