import type { Tokenizer } from '../models/types.ts';
import { auc } from '../stats/auc.ts';
import { tokensOfSpan } from './align.ts';
import { familyOf } from './families.ts';
import { MEMBERS, type Member, type Ratings, type Triple } from './types.ts';

/** One thing that must hold of every triple, counted anew on the finished ones, whoever made them. */
export interface TripleCheck {
  name: string;
  meaning: string;
  checked: number;
  failed: number;
}

/** Counts what finished triples must hold to. Any failure makes what probes read of them doubtful. */
export function checkTriples(
  triples: readonly Triple[],
  { tokenizer, ratings }: { tokenizer: Tokenizer; ratings: Ratings },
): TripleCheck[] {
  const members = triples.flatMap((triple) => MEMBERS.map((member) => ({ triple, member })));
  const count = (of: Member, holds: (word: string) => boolean) =>
    triples.filter(({ words }) => !holds(words[of])).length;
  const shared = (unitsOf: (triple: Triple) => (string | number)[]) => {
    const folds = new Map<string | number, Set<number>>();
    for (const triple of triples) {
      for (const unit of unitsOf(triple)) folds.set(unit, (folds.get(unit) ?? new Set()).add(triple.fold));
    }
    return { checked: folds.size, failed: [...folds.values()].filter(({ size }) => size > 1).length };
  };
  const each = triples.length;
  return [
    {
      name: 'minimal',
      meaning: 'The three texts are equal up to the target word, and end with it.',
      checked: each,
      failed: triples.filter((triple) => !isMinimal(triple)).length,
    },
    {
      name: 'aligned',
      meaning: 'The target word is one or more whole tokens that the tokenizer knows, by character offsets.',
      checked: members.length,
      failed: members.filter(
        ({ triple, member }) => !tokensOfSpan(tokenizer, triple.texts[member], triple.spans[member]),
      ).length,
    },
    {
      name: 'positive word is rated above 0',
      meaning: 'By the feedback.',
      checked: each,
      failed: count('positive', (word) => ratings.value(word) > 0),
    },
    {
      name: 'negative word is rated below 0',
      meaning: 'By the feedback.',
      checked: each,
      failed: count('negative', (word) => ratings.value(word) < 0),
    },
    {
      name: 'neutral word is not rated',
      meaning: 'The feedback says nothing of it, not even that it is worth 0.',
      checked: each,
      failed: count('neutral', (word) => !ratings.has(word)),
    },
    {
      name: 'word families in one fold',
      meaning: 'No family of positive or negative words (first four letters) is in two folds.',
      ...shared(({ words }) => [familyOf(words.positive), familyOf(words.negative)]),
    },
    {
      name: 'documents in one fold',
      meaning: 'No source document is in two folds.',
      ...shared(({ document }) => [document]),
    },
  ];
}

function isMinimal({ texts, spans, words }: Triple): boolean {
  const before = new Set(MEMBERS.map((member) => texts[member].slice(0, spans[member][0])));
  return (
    before.size === 1 &&
    MEMBERS.every(
      (member) =>
        texts[member].slice(...spans[member]) === words[member] && spans[member][1] === texts[member].length,
    )
  );
}

/** How the tones differ in what says nothing of the feedback. */
export interface ToneLengths {
  /** Mean tokens of the texts and of their target words. */
  tokens: Record<Member, number>;
  pieces: Record<Member, number>;
  /** AUC of the number of tokens at telling positive from negative texts: 0.5 says that length gives nothing away. */
  auc: number;
}

export function toneLengths(triples: readonly Triple[], tokenizer: Tokenizer): ToneLengths {
  const tokens = { positive: [], neutral: [], negative: [] } as Record<Member, number[]>;
  const pieces = { positive: [], neutral: [], negative: [] } as Record<Member, number[]>;
  for (const triple of triples) {
    for (const member of MEMBERS) {
      const found = tokensOfSpan(tokenizer, triple.texts[member], triple.spans[member]);
      if (!found) continue;
      tokens[member].push(found.ids.length);
      pieces[member].push(found.to - found.from);
    }
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = (of: Record<Member, number[]>) =>
    Object.fromEntries(MEMBERS.map((member) => [member, mean(of[member])])) as Record<Member, number>;
  return {
    tokens: means(tokens),
    pieces: means(pieces),
    auc: auc(
      [...tokens.positive, ...tokens.negative],
      [...tokens.positive.map(() => 1), ...tokens.negative.map(() => 0)],
    ).auc,
  };
}
