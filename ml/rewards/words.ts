/**
 * Splits English text into words and punctuation marks as spaCy's rule-based English tokenizer does (the one behind
 * `en_core_web_md`): split on white space, then, a chunk at a time, peel off prefixes and suffixes, keep emoticons whole,
 * split what is left at hyphens, slashes and dots between letters, and join pieces that make an emoticon. Left out: its lists of abbreviations ("Mr.",
 * "Ill.") and of contractions without an apostrophe ("cant"); a contraction splits whatever its head ("movie'll").
 */
export function words(text: string): string[] {
  const out: string[] = [];
  for (const chunk of text.split(/[\s\u0085]+/u)) if (chunk) joinEmoticons(splitChunk(chunk), out);
  return out;
}

/** spaCy's list, those of ASCII characters. */
const EMOTICONS = new Set(
  `8-) :x :0 -_- >.< <333 :-> ): =] =/ :() :) :') :3 ;-) :p =) :} :( =D =( =| :* (= :P :-| :-} :-))) =3 >.> (-8 )-: [: [= :]
  XDD (-; xDD :-) (-_-) (._.) :X <.< :-o :-x :O (; :((( ^__^ :-D >:( </3 <33 (: -__- :-p ]= @_@ 8) :-0 ;D :-( ;_; [-: :'-) :/
  (-: (>_<) :-/ ^___^ :(( 8-D (*_*) (^_^) :))) :-X ><(((*> :D :o :o) :'( :-(( :'-( 8D :> :-] ^_^ ;-D :-O :)) :| (o: <3 :-P
  :-((( =[ >:o :-* :-)) :1 ;) :-3 XD xD v.v V.V o.o O.O o.O O.o o.0 0.o 0.0 o_o O_O o_O O_o 0_0 o_0 0_o v_v V_V ._.`.split(
    /\s+/,
  ),
);

const LONGEST_EMOTICON = Math.max(...[...EMOTICONS].map((emoticon) => emoticon.length));

const PREFIX = /^(?:\.\.+|\+(?![0-9])|[…§%=—–,:;!?¿¡()[\]{}<>_#*&'"”“`‘´’‚„»«$£€¥])/u;
const SUFFIX =
  /(?:['’][sS]|\.\.+|(?<=[0-9])[+%$£€¥]|(?<=[\p{Ll}0-9%²\-+…,:;!?)\]}>'"”’»])\.|(?<=\p{Lu}\p{Lu})\.|[…—–,:;!?¿¡()[\]{}<>_#*&'"”“`‘´’‚„»«])$/u;
const INFIX =
  /\.\.+|…|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[\p{Ll}'"”’])\.(?=[\p{Lu}'"“‘])|(?<=\p{L}),(?=\p{L})|(?<=[\p{L}0-9])(?:---?|——|[-–—~])(?=\p{L})|(?<=[\p{L}0-9])[:<>=/](?=\p{L})/gu;
const CONTRACTION = /^(.+)(n['’]t|['’](?:ll|ve|re|d|m))$/iu;

function splitChunk(chunk: string): string[] {
  const out: string[] = [];
  const suffixes: string[] = [];
  let rest = chunk;
  while (rest && !EMOTICONS.has(rest)) {
    const prefix = PREFIX.exec(rest)?.[0];
    if (prefix) {
      out.push(prefix);
      rest = rest.slice(prefix.length);
      continue;
    }
    const suffix = SUFFIX.exec(rest)?.[0];
    if (!suffix || suffix.length === rest.length) break;
    suffixes.push(suffix);
    rest = rest.slice(0, -suffix.length);
  }
  if (EMOTICONS.has(rest)) out.push(rest);
  else if (rest) splitInfixes(rest, out);
  return out.concat(suffixes.reverse());
}

/** `:` and `)` side by side are one `:)`; the longest emoticon from the left wins. */
function joinEmoticons(pieces: string[], out: string[]): void {
  for (let from = 0; from < pieces.length; ) {
    let end = Math.min(pieces.length, from + LONGEST_EMOTICON);
    while (end > from + 1 && !EMOTICONS.has(pieces.slice(from, end).join(''))) end--;
    out.push(pieces.slice(from, end).join(''));
    from = end;
  }
}

function splitInfixes(rest: string, out: string[]): void {
  const contraction = CONTRACTION.exec(rest);
  if (contraction) {
    splitInfixes(contraction[1] as string, out);
    out.push(contraction[2] as string);
    return;
  }
  let from = 0;
  for (const match of rest.matchAll(INFIX)) {
    if (match.index > from) out.push(rest.slice(from, match.index));
    out.push(match[0]);
    from = match.index + match[0].length;
  }
  if (from < rest.length) out.push(rest.slice(from));
}
