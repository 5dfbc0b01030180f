import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenizerDocument, TokenizerSettings } from './load.ts';

/**
 * A word-level tokenizer in the Hugging Face format, made from texts: lower-cased words (with inner apostrophes and
 * hyphens: "don't", "well-made") and single punctuation marks. Decoding puts spaces between words and none before
 * punctuation.
 */
export const END_OF_TEXT = '<|endoftext|>';
export const UNKNOWN = '<unk>';

/** Words, or any other mark that is not white space. */
export const WORD_PATTERN = "[\\p{L}\\p{N}]+(?:['’-][\\p{L}\\p{N}]+)*|[^\\s\\p{L}\\p{N}]";

/**
 * The `size` most frequent words of `texts`, the two special tokens included; ties in alphabetical order.
 * @returns the contents of tokenizer.json and tokenizer_config.json
 */
export function wordLevelTokenizer(
  texts: Iterable<string>,
  size: number,
  maxLength: number,
): { document: TokenizerDocument & Record<string, unknown>; settings: TokenizerSettings } {
  const vocabulary = Object.fromEntries(
    [END_OF_TEXT, UNKNOWN, ...frequentWords(texts, size - 2)].map((word, id) => [word, id]),
  );
  const special = (id: number, content: string, isSpecial: boolean) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: isSpecial,
  });
  return {
    document: {
      version: '1.0',
      truncation: null,
      padding: null,
      // <unk> is not "special": it stays visible in decoded text.
      added_tokens: [special(0, END_OF_TEXT, true), special(1, UNKNOWN, false)],
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Removed', invert: true },
      post_processor: null,
      // Joins with spaces, then takes out those before . , ! ? n't 's and the like.
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: { type: 'WordLevel', vocab: vocabulary, unk_token: UNKNOWN },
    } as TokenizerDocument & Record<string, unknown>,
    settings: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: END_OF_TEXT,
      eos_token: END_OF_TEXT,
      pad_token: END_OF_TEXT,
      unk_token: UNKNOWN,
      model_max_length: maxLength,
      clean_up_tokenization_spaces: false,
    },
  };
}

/** Writes tokenizer.json and tokenizer_config.json; returns their paths. */
export function writeTokenizer(
  directory: string,
  { document, settings }: ReturnType<typeof wordLevelTokenizer>,
): string[] {
  mkdirSync(directory, { recursive: true });
  const paths = [join(directory, 'tokenizer.json'), join(directory, 'tokenizer_config.json')] as const;
  writeFileSync(paths[0], `${JSON.stringify(document, null, 1)}\n`);
  writeFileSync(paths[1], `${JSON.stringify(settings, null, 2)}\n`);
  return [...paths];
}

function frequentWords(texts: Iterable<string>, count: number): string[] {
  const pattern = new RegExp(WORD_PATTERN, 'gu');
  const frequencies = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.toLowerCase().matchAll(pattern))
      frequencies.set(word, (frequencies.get(word) ?? 0) + 1);
  }
  const sorted = [...frequencies].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return sorted.slice(0, Math.max(0, count)).map(([word]) => word);
}
