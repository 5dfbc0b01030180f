import type { Tokenizer } from '../models/types.ts';
import { stream } from '../random/stream.ts';
import { tokensOfSpan } from './align.ts';
import { familyOf } from './families.ts';
import { dealEvenly, dealFamilies } from './folds.ts';
import {
  type DropReason,
  MEMBERS,
  type Member,
  type Ratings,
  type Slot,
  type Triple,
  type TripleCounts,
} from './types.ts';

/**
 * Contrastive triples from places in texts. Each document and each word family belongs to one fold; a place takes only
 * words of its document's fold, so that a probe read on one fold has seen neither its words nor its documents. Of the words
 * that fit, the one used least so far is taken (ties broken at random), so that words are about equally frequent. Neutral
 * words are shared by all folds: they only give the published probe its targets.
 *
 * Draws from the streams `triples/folds`, `triples/documents`, `triples/places`, `triples/words`, `triples/split`.
 */
export interface BuildOptions {
  seed: number;
  /** Words are dealt into so many folds. Default 5. */
  folds: number;
  /** At most so many triples. */
  limit: number;
  /** At most so many triples from one document. */
  perDocument: number;
  /** At most so many tokens a text. */
  maxTokens: number;
  /** Share of triples that the published split tests on. */
  testShare: number;
  tokenizer: Tokenizer;
  ratings: Ratings;
  /** Whether the model can be expected to know a word. */
  familiar(word: string): boolean;
}

export function buildTriples(
  slots: readonly Slot[],
  documents: number,
  options: BuildOptions,
): { triples: Triple[]; counts: TripleCounts } {
  const { seed, folds, limit, perDocument, tokenizer, ratings } = options;
  const rated = new Set<string>();
  const known = knownTo(tokenizer, options.familiar);
  for (const { options: words } of slots) {
    for (const word of [...words.positive, ...words.negative]) if (known(word)) rated.add(word);
  }
  const foldOfFamily = dealFamilies(rated, ratings, folds, stream(seed, 'triples/folds'));
  const foldOfDocument = dealEvenly(documents, folds, stream(seed, 'triples/documents'));
  const inFold = (word: string, fold: number) => foldOfFamily.get(familyOf(word)) === fold;

  const pick = leastUsed(seed);
  const dropped: Record<DropReason, number> = {
    'no-context': 0,
    'no-word-in-fold': 0,
    'no-neutral-word': 0,
    'not-aligned': 0,
    'too-long': 0,
    'not-needed': 0,
  };
  const perDocumentCounts = new Int32Array(documents);
  const made: Omit<Triple, 'split'>[] = [];
  for (const place of visitingOrder(slots, seed)) {
    const slot = slots[place] as Slot;
    if (made.length >= limit || (perDocumentCounts[slot.document] as number) >= perDocument) {
      dropped['not-needed']++;
      continue;
    }
    const fold = foldOfDocument[slot.document] as number;
    const usable: Slot['options'] = {
      positive: slot.options.positive.filter((word) => inFold(word, fold)),
      neutral: slot.options.neutral.filter((word) => known(word) && !ratings.has(word)),
      negative: slot.options.negative.filter((word) => inFold(word, fold)),
    };
    const chosen = choose({ ...slot, options: usable }, pick, tokenizer, options.maxTokens);
    if (typeof chosen === 'string') {
      dropped[chosen]++;
      continue;
    }
    perDocumentCounts[slot.document] = (perDocumentCounts[slot.document] as number) + 1;
    made.push({ id: `triple-${made.length}`, document: slot.document, ...chosen, fold });
  }

  const testCount = Math.round(made.length * options.testShare);
  const order = stream(seed, 'triples/split').permutation(made.length);
  const tested = new Set(order.subarray(0, testCount));
  const triples = made.map((triple, i): Triple => ({ ...triple, split: tested.has(i) ? 'test' : 'train' }));
  return {
    triples,
    counts: { documents, slots: slots.length, triples: triples.length, words: wordCounts(triples), dropped },
  };
}

/** Whether a word is familiar, and in a running text one or more known tokens. */
function knownTo(tokenizer: Tokenizer, familiar: (word: string) => boolean): (word: string) => boolean {
  const answers = new Map<string, boolean>();
  const before = 'the ';
  return (word) => {
    let answer = answers.get(word);
    if (answer === undefined) {
      const span = [before.length, before.length + word.length] as const;
      answer = familiar(word) && tokensOfSpan(tokenizer, before + word, span) !== null;
      answers.set(word, answer);
    }
    return answer;
  };
}

/** A random place of each document in turn, then a second one of each, and so on: no document dominates. */
function visitingOrder(slots: readonly Slot[], seed: number): number[] {
  const draws = stream(seed, 'triples/places');
  const seen = new Map<number, number>();
  const round = new Int32Array(slots.length);
  const rank = new Int32Array(slots.length);
  draws.permutation(slots.length).forEach((place, position) => {
    const { document } = slots[place] as Slot;
    const visits = seen.get(document) ?? 0;
    seen.set(document, visits + 1);
    round[place] = visits;
    rank[place] = position;
  });
  return [...round.keys()].sort(
    (a, b) => (round[a] as number) - (round[b] as number) || (rank[a] as number) - (rank[b] as number),
  );
}

/** Orders words from the least to the most used; `use` counts. */
function leastUsed(seed: number) {
  const draws = stream(seed, 'triples/words');
  const uses = new Map<string, number>();
  return {
    order(words: readonly string[]): string[] {
      const keyed = words.map((word) => ({ word, uses: uses.get(word) ?? 0, tie: draws.uniform() }));
      return keyed.sort((a, b) => a.uses - b.uses || a.tie - b.tie).map(({ word }) => word);
    },
    use(word: string): void {
      uses.set(word, (uses.get(word) ?? 0) + 1);
    },
  };
}

type Chosen = Pick<Triple, 'texts' | 'words' | 'spans'>;

/** Of each member's words the least used that the tokenizer can place; or why there is none. */
function choose(
  slot: Slot,
  pick: ReturnType<typeof leastUsed>,
  tokenizer: Tokenizer,
  maxTokens: number,
): Chosen | DropReason {
  if (slot.prefix.trim() === '') return 'no-context';
  const { positive, neutral, negative } = slot.options;
  if (positive.length === 0 || negative.length === 0) return 'no-word-in-fold';
  if (neutral.length === 0) return 'no-neutral-word';
  const start = slot.prefix.length;
  const chosen: Chosen = {
    texts: { positive: '', neutral: '', negative: '' },
    words: { positive: '', neutral: '', negative: '' },
    spans: { positive: [start, start], neutral: [start, start], negative: [start, start] },
  };
  for (const member of MEMBERS) {
    let tooLong = false;
    const word = pick.order(slot.options[member]).find((candidate) => {
      const found = tokensOfSpan(tokenizer, slot.prefix + candidate, [start, start + candidate.length]);
      if (found && found.ids.length > maxTokens) tooLong = true;
      return found !== null && found.ids.length <= maxTokens;
    });
    if (word === undefined) return tooLong ? 'too-long' : 'not-aligned';
    chosen.texts[member] = slot.prefix + word;
    chosen.words[member] = word;
    chosen.spans[member] = [start, start + word.length];
  }
  for (const member of MEMBERS) pick.use(chosen.words[member]);
  return chosen;
}

function wordCounts(triples: readonly Triple[]): Record<Member, number> {
  const count = (member: Member) => new Set(triples.map((triple) => triple.words[member].toLowerCase())).size;
  return { positive: count('positive'), neutral: count('neutral'), negative: count('negative') };
}
