import type { Tokenizer } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';

/**
 * Prompts are the first k tokens of texts, k drawn once a text and uniform between two bounds, as in the data preparation
 * of the paper (k in 2..9 from reviews of more than 200 characters).
 *
 * A fifth of all prompts is held out: which, is a property of the prompt's text alone, so that tuning and evaluation agree
 * without having to share anything, for every seed and data set.
 */
export interface Prompt {
  ids: number[];
  text: string;
  /** Which of the texts it begins. */
  source: number;
}

export interface PromptOptions {
  /** Fewest and most tokens of a prompt. */
  tokens: readonly [number, number];
  /** Shorter texts are passed over. */
  minimumCharacters: number;
}

const HELD_OUT_SHARE = 0.2;

/** One prompt a text, in the texts' order; texts with no token after the longest prompt are passed over. */
export function promptsOf(
  texts: readonly string[],
  tokenizer: Tokenizer,
  options: PromptOptions,
  stream: RandomStream,
): Prompt[] {
  const [fewest, most] = options.tokens;
  const prompts: Prompt[] = [];
  for (const [source, text] of texts.entries()) {
    // Drawn for every text, so that passing one over does not move the draws of the others.
    const length = fewest + stream.integer(most - fewest + 1);
    if (text.length < options.minimumCharacters) continue;
    const ids = firstTokens(text, most + 1, tokenizer).slice(0, length);
    if (ids.length === length) prompts.push({ ids, text: tokenizer.decode(ids), source });
  }
  return prompts;
}

/** Those that tuning may use. */
export const tuningPrompts = (prompts: readonly Prompt[]): Prompt[] =>
  prompts.filter(({ text }) => !isHeldOut(text));

/** Those that only evaluation uses, each text once. */
export function heldOutPrompts(prompts: readonly Prompt[]): Prompt[] {
  const distinct = new Map<string, Prompt>();
  for (const prompt of prompts) {
    if (isHeldOut(prompt.text) && !distinct.has(prompt.text)) distinct.set(prompt.text, prompt);
  }
  return [...distinct.values()];
}

export const isHeldOut = (promptText: string): boolean => hash(promptText) / 2 ** 32 < HELD_OUT_SHARE;

/** FNV-1a over UTF-8, with the finaliser of MurmurHash3: short texts differ in all bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The first tokens of `text`; encodes no more of a long text than is needed. None if it has fewer. */
function firstTokens(text: string, count: number, tokenizer: Tokenizer): number[] {
  for (let characters = 24 * count; characters < text.length; characters *= 4) {
    // Cut before white space: no tokenizer joins the word before it with what follows.
    const cut = text.slice(0, characters).search(/\s+\S*$/u);
    const ids = cut > 0 ? tokenizer.encode(text.slice(0, cut)) : [];
    if (ids.length > count) return ids.slice(0, count);
  }
  const ids = tokenizer.encode(text);
  return ids.length >= count ? ids.slice(0, count) : [];
}
