import type { TokenizerDocument } from './load.ts';
import { isGpt2Split, SPLIT } from './white-space.ts';

export interface Encoded {
  ids: (number | undefined)[];
  tokens: string[];
}

/** Words whose tokens are kept: some tens of megabytes at most. */
const MOST_WORDS = 50_000;

/**
 * Encodes byte-level BPE word by word, each word once. The words are GPT-2's, which split again give themselves, so that a
 * word's tokens are the same wherever it stands. What this does not hold for (texts with added tokens) is left to the library.
 */
export class WordCache {
  private readonly words = new Map<string, Encoded>();

  /** null when the tokenizer is of another kind */
  static of(document: TokenizerDocument, encodeWord: (word: string) => Encoded): WordCache | null {
    const { model, normalizer, pre_tokenizer: splitter, added_tokens: added } = document;
    const fits = model?.type === 'BPE' && isGpt2Split(splitter) && (!normalizer || normalizer.type === 'NFC');
    if (!fits) return null;
    const contents = (added ?? []).map(({ content }) => content.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    const special = contents.length > 0 ? new RegExp(contents.join('|'), 'u') : null;
    return new WordCache(encodeWord, normalizer ? 'NFC' : null, special);
  }

  private constructor(
    private readonly encodeWord: (word: string) => Encoded,
    private readonly form: 'NFC' | null,
    private readonly special: RegExp | null,
  ) {}

  /** The tokens of a text without a template's; null when the text is not to be split here */
  encode(text: string): Encoded | null {
    const normal = this.form === null ? text : text.normalize(this.form);
    if (this.special !== null && (this.special.test(text) || this.special.test(normal))) return null;
    const ids: Encoded['ids'] = [];
    const tokens: string[] = [];
    for (const [word] of normal.matchAll(SPLIT)) {
      const { ids: wordIds, tokens: wordTokens } = this.words.get(word) ?? this.learn(word);
      for (let i = 0; i < wordIds.length; i++) {
        ids.push(wordIds[i]);
        tokens.push(wordTokens[i] as string);
      }
    }
    return { ids, tokens };
  }

  private learn(word: string): Encoded {
    const encoded = this.encodeWord(word);
    if (this.words.size >= MOST_WORDS) this.words.clear();
    // A copy: a slice would keep the whole text in memory.
    if (word.length < 64) this.words.set(Buffer.from(word, 'utf16le').toString('utf16le'), encoded);
    return encoded;
  }
}
