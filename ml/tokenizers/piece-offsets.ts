import type { TokenizerDocument } from './load.ts';

/** SentencePiece's mark of a space. */
const MARK = '▁';
const BYTE = /^<0x([0-9A-F]{2})>$/;

/** How a tokenizer of pieces treats spaces. */
export interface PieceRules {
  /** What stands before every stretch of text between added tokens: always, unless it begins with a space, or nothing. */
  prepend: 'always' | 'unless-space' | 'first-unless-space' | 'never';
}

interface Part {
  type: string;
  prepend?: string;
  pattern?: { String?: string };
  content?: string;
  prepend_scheme?: 'always' | 'first' | 'never';
  add_prefix_space?: boolean;
  normalizers?: Part[];
  pretokenizers?: Part[];
}

/**
 * The rules of a tokenizer whose pieces spell the text with ▁ for spaces (Llama 1 and 2, Gemma, Mistral); null for others.
 */
export function pieceRules(document: TokenizerDocument): PieceRules | null {
  const normalisers = parts(document.normalizer as Part | null, 'normalizers');
  const splitters = parts(document.pre_tokenizer as Part | null, 'pretokenizers');
  const metaspace = splitters.find(({ type }) => type === 'Metaspace');
  const marks = normalisers.some(
    ({ type, pattern, content }) => type === 'Replace' && pattern?.String === ' ' && content === MARK,
  );
  if (!marks && !metaspace) return null;
  // Anything else that changes characters could not be followed.
  if (normalisers.some(({ type }) => type !== 'Replace' && type !== 'Prepend')) return null;
  if (normalisers.some(({ type }) => type === 'Prepend')) return { prepend: 'always' };
  if (!metaspace || metaspace.add_prefix_space === false || metaspace.prepend_scheme === 'never')
    return { prepend: 'never' };
  return { prepend: metaspace.prepend_scheme === 'first' ? 'first-unless-space' : 'unless-space' };
}

const parts = (whole: Part | null, name: 'normalizers' | 'pretokenizers'): Part[] =>
  whole === null ? [] : (whole[name] ?? [whole]);

/**
 * [start, end) in UTF-16 units of each piece: the text is walked piece by piece. A ▁ that the tokenizer put before the text
 * has no character of its own; a byte of a character gets the whole character.
 * @throws Error when the pieces do not spell the text
 */
export function pieceSpans(
  text: string,
  tokens: readonly string[],
  rules: PieceRules,
  added: ReadonlySet<string>,
): [number, number][] {
  const walk = new PieceWalk(text, rules);
  const spans = tokens.map((token) => walk.next(token, added.has(token)));
  if (text.slice(walk.at).trim() !== '') throw cannotAlign(tokens.at(-1) ?? '', text);
  return spans;
}

class PieceWalk {
  at = 0;
  /** Whether a stretch of text begins here, behind an added token or at the start. */
  private fresh = true;
  /** Bytes that are still to come of the character at `at`. */
  private bytesLeft = 0;

  constructor(
    private readonly text: string,
    private readonly rules: PieceRules,
  ) {}

  next(token: string, isAdded: boolean): [number, number] {
    const byte = BYTE.test(token);
    if (isAdded && !byte) return this.added(token);
    if (byte && !this.text.startsWith(token, this.at)) return this.byte(token);
    const start = this.at;
    let piece = token;
    if (this.fresh && piece.startsWith(MARK) && this.isPrepended()) piece = piece.slice(1);
    this.fresh = false;
    // The mark alone, put before the text, is given the character that it stands before.
    if (piece === '') return [start, start + this.characterHere().length];
    for (const character of piece) {
      const here = this.text.startsWith(character, this.at);
      if (!here && !(character === MARK && this.text[this.at] === ' ')) throw cannotAlign(token, this.text);
      this.at += character.length;
    }
    return [start, this.at];
  }

  private characterHere(): string {
    const code = this.text.codePointAt(this.at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  private isPrepended(): boolean {
    const { prepend } = this.rules;
    if (prepend === 'always') return true;
    if (prepend === 'never' || (prepend === 'first-unless-space' && this.at > 0)) return false;
    return this.text[this.at] !== ' ' && this.text[this.at] !== MARK;
  }

  /** An added token may have taken the white space around it. */
  private added(token: string): [number, number] {
    const start = this.text.indexOf(token, this.at);
    if (start < 0 || this.text.slice(this.at, start).trim() !== '') throw cannotAlign(token, this.text);
    this.at = start + token.length;
    this.fresh = true;
    return [start, this.at];
  }

  private byte(token: string): [number, number] {
    const character = this.characterHere();
    const start = this.at;
    if (character === '') throw cannotAlign(token, this.text);
    if (this.bytesLeft === 0) this.bytesLeft = new TextEncoder().encode(character).length;
    this.bytesLeft--;
    this.fresh = false;
    if (this.bytesLeft === 0) this.at += character.length;
    return [start, start + character.length];
  }
}

const cannotAlign = (token: string, text: string) =>
  new Error(
    `The token ${JSON.stringify(token)} could not be found in its place in ${JSON.stringify(text.slice(0, 60))}`,
  );
