import type { TokenizerDocument } from './load.ts';

interface Part {
  type: string;
  pretokenizers?: Part[];
  pattern?: { Regex?: string };
  use_regex?: boolean;
  add_prefix_space?: boolean;
  [name: string]: unknown;
}

/** GPT-2's split of text into words (Radford et al., 2019), which ByteLevel does unless told not to. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The same tokenizer with white space as the Python package has it. JavaScript's \s has U+FEFF and lacks U+0085; Unicode's
 * White_Space, which the package goes by, is the other way round.
 */
export function withUnicodeWhiteSpace(document: TokenizerDocument): TokenizerDocument {
  const splitter = document.pre_tokenizer as Part | null | undefined;
  if (!splitter) return document;
  return { ...document, pre_tokenizer: mended(splitter) as NonNullable<TokenizerDocument['pre_tokenizer']> };
}

function mended(part: Part): Part {
  if (part.pretokenizers) return { ...part, pretokenizers: part.pretokenizers.map(mended) };
  if (part.type === 'Split' && part.pattern?.Regex !== undefined)
    return { ...part, pattern: { Regex: unicode(part.pattern.Regex) } };
  if (part.type !== 'ByteLevel' || part.use_regex === false || part.add_prefix_space) return part;
  const split: Part = {
    type: 'Split',
    pattern: { Regex: unicode(GPT2) },
    behavior: 'Isolated',
    invert: false,
  };
  return { type: 'Sequence', pretokenizers: [split, { ...part, use_regex: false }] };
}

/** Escapes are read in pairs, so that the s of `\\s` (a backslash, then s) stays. */
const unicode = (pattern: string): string =>
  pattern.replace(/\\[\s\S]/g, (pair) =>
    pair === '\\s' ? '\\p{White_Space}' : pair === '\\S' ? '\\P{White_Space}' : pair,
  );

/** GPT-2's words in JavaScript's own terms. */
export const SPLIT = new RegExp(unicode(GPT2), 'gu');

/** Whether a tokenizer splits text into GPT-2's words and does nothing else to it before its model. */
export function isGpt2Split(splitter: TokenizerDocument['pre_tokenizer']): boolean {
  const part = splitter as Part | null;
  return part?.type === 'ByteLevel' && part.use_regex !== false && !part.add_prefix_space;
}
