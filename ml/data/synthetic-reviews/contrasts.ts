import type { RandomStream } from '../../random/stream.ts';
import { articleFits } from '../../triples/substitution.ts';
import { MEMBERS, type Member, type Ratings, type Slot } from '../../triples/types.ts';
import { capitalise, expandAbout } from './generate.ts';
import { CLOSING, FEELING } from './grammar.ts';
import { CLASS_NAMES, type ClassName, RatedWords } from './rated-words.ts';

/**
 * Exact minimal pairs: sentences of the grammar (grammar.ts) in which one rated word is left open, and the words of its class
 * that can fill it. Nothing else in the sentence is rated or depends on the word, so whatever tells a positive from a
 * negative text is the word. Each sentence is a document of its own. Deterministic in `draws`.
 */
export function contrastSlots(count: number, ratings: Ratings, draws: RandomStream): Slot[] {
  const words = new RatedWords(ratings);
  return Array.from({ length: count }, (_, document): Slot => {
    for (;;) {
      const opened = openSentence(words, draws);
      if (!opened) continue;
      const { name, before } = opened;
      // The open place decides no article: each is as likely.
      const prefix = capitalise(before.replace(/\ba $/, () => (draws.uniform() < 0.5 ? 'a ' : 'an ')));
      const fits = articleFits(prefix);
      const options = Object.fromEntries(
        MEMBERS.map((member) => [member, words.all(name, member).filter(fits)]),
      ) as Record<Member, string[]>;
      return { document, prefix, options };
    }
  });
}

const OPEN = '\u0000';
const PATTERNS = [...FEELING, ...CLOSING];
const RATED = new RegExp(`\\{-?(${CLASS_NAMES.join('|')})\\}`, 'g');

/** A sentence up to its first rated word, which is the one left open; null when nothing stands before it. */
function openSentence(words: RatedWords, draws: RandomStream): { name: ClassName; before: string } | null {
  const pattern = draws.choice(PATTERNS);
  const [place] = [...pattern.matchAll(RATED)];
  if (!place) return null;
  const open = pattern.slice(0, place.index) + OPEN + pattern.slice(place.index + place[0].length);
  const sentence = expandAbout([open], { words, draws, sentiment: 0.5, scatter: 0, feelings: new Map() });
  const before = sentence.slice(0, sentence.indexOf(OPEN));
  return before.trim() === '' ? null : { name: place[1] as ClassName, before };
}
