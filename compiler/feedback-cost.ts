import type { Json } from '../store/types.ts';

/** Tokens of a prompt and a completion together, about; and of the reply. */
const TEXT_TOKENS = 150;
const REPLY_TOKENS = 60;
/** Characters of English a token. */
const CHARACTERS = 4;

/** A rough bill for scoring `texts` texts, never above the caps. Only judges cost money. */
export function feedbackDollars(feedback: Json | undefined, texts: number): number {
  if (feedback === null || typeof feedback !== 'object' || Array.isArray(feedback)) return 0;
  if (feedback.kind === 'sum' && Array.isArray(feedback.of)) {
    const parts = feedback.of as ({ feedback?: Json } | null)[];
    return parts.reduce((sum, part) => sum + feedbackDollars(part?.feedback, texts), 0);
  }
  if (feedback.kind !== 'judge') return 0;
  const {
    price,
    rubric,
    'spend-cap': cap,
  } = feedback as {
    price?: { prompt: number; completion: number };
    rubric?: string;
    'spend-cap'?: number;
  };
  const rate = price ?? { prompt: 2.5, completion: 10 };
  const prompt = TEXT_TOKENS + (rubric?.length ?? 1000) / CHARACTERS;
  return Math.min(
    cap ?? Number.POSITIVE_INFINITY,
    (texts * (rate.prompt * prompt + rate.completion * REPLY_TOKENS)) / 1e6,
  );
}
