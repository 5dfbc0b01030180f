import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { ComputeError } from '../failure.ts';
import type { Tokenizer } from '../models/types.ts';
import { mendByteFallback } from './byte-fallback.ts';
import { tokenOffsets } from './offsets.ts';
import { type PieceRules, pieceRules, pieceSpans } from './piece-offsets.ts';
import { withUnicodeWhiteSpace } from './white-space.ts';
import { type Encoded, WordCache } from './word-cache.ts';

/** The parts of tokenizer.json that we look at ourselves. */
export interface TokenizerDocument {
  normalizer: { type: string } | null;
  pre_tokenizer: { type: string; pretokenizers?: { type: string }[] } | null;
  decoder: { type: string } | null;
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { type?: string; vocab: unknown; unk_token?: string | null };
}

export interface TokenizerSettings {
  bos_token?: string | { content: string } | null;
  eos_token?: string | { content: string } | null;
  pad_token?: string | { content: string } | null;
  unk_token?: string | { content: string } | null;
  clean_up_tokenization_spaces?: boolean;
  [key: string]: unknown;
}

/** The files of a tokenizer, for copying it with a model. */
const FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja'];

/** Paths of the tokenizer's files in a Hugging Face directory. */
export function tokenizerFiles(directory: string): string[] {
  return FILES.map((name) => join(directory, name)).filter((path) => existsSync(path));
}

/**
 * The tokenizer of a Hugging Face directory: tokenizer.json, and tokenizer_config.json if it is there.
 * @throws ComputeError bad-tokenizer, naming the file.
 */
export function loadTokenizer(directory: string): Tokenizer {
  const document = readJson(join(directory, 'tokenizer.json'), true) as unknown as TokenizerDocument;
  const settings = readJson(join(directory, 'tokenizer_config.json'), false) as TokenizerSettings;
  return createTokenizer(document, settings, directory);
}

/** A tokenizer from the content of tokenizer.json and tokenizer_config.json. */
export function createTokenizer(
  document: TokenizerDocument,
  settings: TokenizerSettings = {},
  where = 'tokenizer.json',
): Tokenizer {
  try {
    checkDocument(document);
    const special = Object.fromEntries(
      (['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const).map((name) => [
        name,
        content(settings[name]),
      ]),
    );
    // The Python package looks nowhere else for it.
    special.unk_token ??= document.model.unk_token ?? undefined;
    // As transformers 5: spaces are cleaned up only if the tokenizer says so.
    const config = { clean_up_tokenization_spaces: false, ...settings, ...special };
    const inner = new HuggingFaceTokenizer(withUnicodeWhiteSpace(document), config);
    mendByteFallback(inner.decoder);
    return new LoadedTokenizer(inner, document, special);
  } catch (error) {
    throw new ComputeError('bad-tokenizer', `${where}: ${(error as Error).message}`);
  }
}

/** The parts that we look at ourselves. Its other parts are checked by the package that reads them. */
function checkDocument(document: unknown): asserts document is TokenizerDocument {
  const wrong = (what: string): never => {
    throw new Error(`it is no tokenizer.json: ${what}`);
  };
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(document)) return wrong('it is not an object');
  const { model, added_tokens: added } = document;
  if (!isObject(model) || typeof model.vocab !== 'object' || model.vocab === null)
    return wrong('it has no model with a vocab');
  checkVocabulary(model.vocab, wrong);
  if (!Array.isArray(added)) return wrong('it has no added_tokens');
  for (const token of added as unknown[]) {
    if (!isObject(token) || typeof token.content !== 'string' || !Number.isSafeInteger(token.id))
      return wrong(`it has the added token ${JSON.stringify(token)?.slice(0, 100)}`);
  }
}

/** Ids by token, or, of a unigram model, tokens with their scores. */
function checkVocabulary(vocab: object, wrong: (what: string) => never): void {
  if (Array.isArray(vocab)) {
    for (const entry of vocab as unknown[]) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string' || typeof entry[1] !== 'number')
        wrong(`its vocab holds ${JSON.stringify(entry)?.slice(0, 100)}`);
    }
    return;
  }
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0)
      wrong(`the token ${JSON.stringify(token.slice(0, 40))} has the id ${JSON.stringify(id)?.slice(0, 40)}`);
  }
}

class LoadedTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly padId: number;
  private readonly specialIds: Set<number>;
  private readonly addedTokens: Set<string>;
  /** Tokens that the template puts before and behind every text: <s>, <bos>. */
  private readonly template: { before: number[]; after: number[] };
  private readonly words: WordCache | null;
  private readonly pieces: PieceRules | null;

  constructor(
    private readonly inner: HuggingFaceTokenizer,
    private readonly document: TokenizerDocument,
    special: Record<string, string | undefined>,
  ) {
    const id = (token: string | undefined) =>
      token === undefined ? null : (inner.token_to_id(token) ?? null);
    this.bosId = id(special.bos_token);
    this.eosId = id(special.eos_token);
    this.padId = id(special.pad_token) ?? this.eosId ?? 0;
    this.vocabularySize = inner.get_vocab().size;
    this.specialIds = new Set(
      document.added_tokens.filter((token) => token.special).map((token) => token.id),
    );
    this.addedTokens = new Set(document.added_tokens.map((token) => token.content));
    this.template = templateOf(inner);
    this.words = WordCache.of(document, (word) => this.withoutTemplate(word));
    this.pieces = pieceRules(document);
  }

  encode(text: string): number[] {
    const own = this.words?.encode(text);
    const ids = own
      ? [...this.template.before, ...own.ids, ...this.template.after]
      : this.inner.encode(text).ids;
    return ids.map((id: number | undefined, i: number) => this.known(id, text, i));
  }

  encodeWithOffsets(text: string): { ids: number[]; offsets: [number, number][] } {
    const own = this.words?.encode(text) ?? this.withoutTemplate(text);
    const { tokens } = own;
    const { before, after } = this.template;
    const ids = [...before, ...own.ids, ...after].map((id, i) => this.known(id, text, i));
    const spans = this.pieces
      ? pieceSpans(text, tokens, this.pieces, this.addedTokens)
      : tokenOffsets({
          ...{ text, tokens, added: this.addedTokens, byteLevel: this.isByteLevel() },
          normalise: (part) => (this.inner.normalizer ? this.inner.normalizer.normalize(part) : part),
        });
    // What the template puts around the text stands for nothing in it.
    const nothing = (around: number[]) => around.map((): [number, number] => [0, 0]);
    return { ids, offsets: [...nothing(before), ...spans, ...nothing(after)] };
  }

  private withoutTemplate(text: string): Encoded {
    return this.inner.encode(text, { add_special_tokens: false });
  }

  decode(ids: ArrayLike<number>): string {
    const kept = Array.from(ids).filter((id) => !this.specialIds.has(id));
    return kept.length === 0 ? '' : this.inner.decode(kept);
  }

  token(id: number): string {
    const stored = this.inner.id_to_token(id);
    if (stored === undefined)
      throw new RangeError(`There is no token ${id}: the vocabulary has ${this.vocabularySize}`);
    if (this.addedTokens.has(stored)) return stored;
    if (this.pieces) return stored.replaceAll('▁', ' ');
    if (!this.isByteLevel()) return stored;
    return this.inner.decode([id]);
  }

  private isByteLevel(): boolean {
    return this.document.decoder?.type === 'ByteLevel';
  }

  private known(id: number | undefined, text: string, index: number): number {
    if (id !== undefined) return id;
    throw new ComputeError(
      'bad-tokenizer',
      `Token ${index} of ${JSON.stringify(text.slice(0, 60))} has no id, and the tokenizer has no unk_token`,
    );
  }
}

/** The tokens around those of the text itself, told by a text that no special token is part of. */
function templateOf(inner: HuggingFaceTokenizer): { before: number[]; after: number[] } {
  const whole = inner.encode('a').ids;
  const own = inner.encode('a', { add_special_tokens: false }).ids;
  let at = 0;
  while (at + own.length < whole.length && own.some((id: number, i: number) => whole[at + i] !== id)) at++;
  return { before: whole.slice(0, at), after: whole.slice(at + own.length) };
}

const content = (token: TokenizerSettings['bos_token']): string | undefined =>
  typeof token === 'object' && token !== null ? token.content : (token ?? undefined);

function readJson(path: string, required: boolean): Record<string, unknown> {
  if (!existsSync(path)) {
    if (!required) return {};
    throw new ComputeError('bad-tokenizer', `${path} is missing`, {
      hint: 'the directory needs the tokenizer.json of a "fast" tokenizer: save it with AutoTokenizer.from_pretrained(...).save_pretrained(DIR)',
    });
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new ComputeError('bad-tokenizer', `${path} is not JSON: ${(error as Error).message}`);
  }
}
