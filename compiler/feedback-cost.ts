import type { Json } from '../store/types.ts';
import { type PaidEstimate, paidCalls, sumOfCosts, UNPAID } from './paid-calls.ts';

/** Tokens of a prompt and a completion together, about; and of the reply. */
const TEXT_TOKENS = 150;
const REPLY_TOKENS = 60;
/** Characters of English a token. */
const CHARACTERS = 4;

/** A rough bill for scoring `texts` texts, never above the caps. Only judges cost money. */
export function feedbackCost(feedback: Json | undefined, texts: number): PaidEstimate {
  if (feedback === null || typeof feedback !== 'object' || Array.isArray(feedback)) return UNPAID;
  if (feedback.kind === 'sum' && Array.isArray(feedback.of)) {
    const parts = feedback.of as ({ feedback?: Json } | null)[];
    return sumOfCosts(parts.map((part) => feedbackCost(part?.feedback, texts)));
  }
  if (feedback.kind !== 'judge') return UNPAID;
  const { rubric } = feedback as { rubric?: string };
  const prompt = TEXT_TOKENS + (rubric?.length ?? 1000) / CHARACTERS;
  return paidCalls(feedback, texts, texts * prompt, texts * REPLY_TOKENS);
}
