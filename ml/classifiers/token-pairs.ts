import type { Tokenizer } from '../models/types.ts';
import type { PreferencePair } from '../preferences/types.ts';
import { textRow } from './text-rows.ts';

/** A comparison as a reward model reads it: two whole texts, prompt and completion. */
export interface TokenPair {
  chosen: number[];
  rejected: number[];
  /** 0 where none is given. */
  margin: number;
}

export interface TokenPairs {
  pairs: TokenPair[];
  /** Texts whose beginning was cut off. */
  cut: number;
  /** Pairs left out, since both texts read the same to the model: unknown words, or a difference that was cut off. */
  same: number;
}

/** The pairs in order, each text cut to its last `maxTokens` tokens. */
export function tokenPairs(
  pairs: readonly PreferencePair[],
  tokenizer: Tokenizer,
  maxTokens: number,
): TokenPairs {
  const found: TokenPairs = { pairs: [], cut: 0, same: 0 };
  for (const { prompt, chosen, rejected, margin = 0 } of pairs) {
    const c = textRow(tokenizer, prompt + chosen, maxTokens);
    const r = textRow(tokenizer, prompt + rejected, maxTokens);
    found.cut += Number(c.cut) + Number(r.cut);
    if (c.ids.length === r.ids.length && c.ids.every((id, i) => id === r.ids[i])) found.same++;
    else found.pairs.push({ chosen: c.ids, rejected: r.ids, margin });
  }
  return found;
}
