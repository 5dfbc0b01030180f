/**
 * Where in the text each token stands. The tokenizer library gives tokens only, so their surfaces are laid along the
 * normalised text, and each stretch of that is traced back to the characters it came from.
 */
export interface OffsetsInput {
  text: string;
  tokens: readonly string[];
  /** The tokenizer's normaliser. */
  normalise(part: string): string;
  /** Whether tokens spell bytes (GPT-2's alphabet), or the characters of the text with white space dropped. */
  byteLevel: boolean;
  /** Tokens that stand for themselves: <|endoftext|> and the like. */
  added: ReadonlySet<string>;
}

/**
 * [start, end) in UTF-16 units for each token: `text.slice(start, end)` is what the token stands for, its leading space
 * included where the token has one. A token that covers a part of a character gets the whole character.
 * @throws Error when the tokens do not spell the text.
 */
export function tokenOffsets(input: OffsetsInput): [number, number][] {
  const { normalised, origin } = normaliseWithOrigin(input.text, input.normalise);
  const spans = input.byteLevel ? byteSpans(normalised, input) : wordSpans(normalised, input);
  return spans.map(([start, end]) =>
    end === start ? [origin(start)[0], origin(start)[0]] : [origin(start)[0], origin(end - 1)[1]],
  );
}

/** [start, end) of what the unit at a position of the normalised text came from. */
type Origin = (position: number) => [number, number];

/** A letter with its marks, or a run of Hangul: what normalisers may compose, decompose or fold as one. */
const CLUSTER = /[\u1100-\u11ff\uac00-\ud7ff]+|\P{M}\p{M}*|\p{M}+/gu;

function normaliseWithOrigin(
  text: string,
  normalise: (part: string) => string,
): { normalised: string; origin: Origin } {
  const normalised = normalise(text);
  if (normalised === text) return { normalised, origin: (position) => [position, position + 1] };
  const origins: [number, number][] = [];
  let spelled = '';
  for (const { 0: cluster, index } of text.matchAll(CLUSTER)) {
    const part = normalise(cluster);
    spelled += part;
    // Unit by unit when nothing changed its length; else all units come from the whole cluster.
    const whole: [number, number] = [index, index + cluster.length];
    for (let i = 0; i < part.length; i++)
      origins.push(part.length === cluster.length ? [index + i, index + i + 1] : whole);
  }
  if (spelled.length !== normalised.length) {
    throw new Error(
      `The normaliser changes ${JSON.stringify(text.slice(0, 60))} in a way that cannot be traced back to its characters`,
    );
  }
  return { normalised, origin: (position) => origins[position] ?? [text.length, text.length] };
}

/** White space as Unicode has it: JavaScript's \s lacks U+0085. */
const BLANK = /^[\s\u0085]*$/;

/** Tokens that drop white space: each is found behind the one before, with nothing but white space between. */
function wordSpans(normalised: string, { tokens, text }: OffsetsInput): [number, number][] {
  let cursor = 0;
  return tokens.map((token) => {
    const start = normalised.indexOf(token, cursor);
    if (start < 0 || !BLANK.test(normalised.slice(cursor, start))) throw cannotAlign(token, text);
    cursor = start + token.length;
    return [start, cursor];
  });
}

/** Tokens of bytes: positions are counted in UTF-8 bytes and turned back into characters. */
function byteSpans(normalised: string, { tokens, added, text }: OffsetsInput): [number, number][] {
  const unitOfByte: number[] = [];
  let unit = 0;
  for (const character of normalised) {
    for (let i = utf8Length(character); i > 0; i--) unitOfByte.push(unit);
    unit += character.length;
  }
  const byteEnd = unitOfByte.length;
  const startOf = (byte: number) => (byte < byteEnd ? (unitOfByte[byte] as number) : normalised.length);
  let byte = 0;
  const spans = tokens.map((token): [number, number] => {
    const length = added.has(token) ? new TextEncoder().encode(token).length : token.length;
    const start = startOf(byte);
    byte += length;
    if (byte > byteEnd) throw cannotAlign(token, text);
    // Up to the end of the character that the last byte belongs to.
    let next = byte;
    while (next < byteEnd && unitOfByte[next] === unitOfByte[byte - 1]) next++;
    return [start, startOf(next)];
  });
  if (byte !== byteEnd) throw cannotAlign(tokens.at(-1) ?? '', text);
  return spans;
}

function utf8Length(character: string): number {
  const code = character.codePointAt(0) as number;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

const cannotAlign = (token: string, text: string) =>
  new Error(
    `The token ${JSON.stringify(token)} could not be found in its place in ${JSON.stringify(text.slice(0, 60))}`,
  );
