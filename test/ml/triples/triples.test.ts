import { describe, expect, test } from 'vitest';
import { generateReviews } from '../../../ml/data/synthetic-reviews/generate.ts';
import { stream } from '../../../ml/random/stream.ts';
import { createTokenizer } from '../../../ml/tokenizers/load.ts';
import { wordLevelTokenizer } from '../../../ml/tokenizers/word-level.ts';
import { tokensOfSpan } from '../../../ml/triples/align.ts';
import { type BuildOptions, buildTriples } from '../../../ml/triples/build.ts';
import { familiarWords } from '../../../ml/triples/familiar.ts';
import { familyOf } from '../../../ml/triples/families.ts';
import { formatTriples, parseTriples } from '../../../ml/triples/format.ts';
import { WORD_CLASSES } from '../../../ml/triples/substitutes.ts';
import { sentences, slotsOfTexts } from '../../../ml/triples/substitution.ts';
import { MEMBERS } from '../../../ml/triples/types.ts';
import { vader } from './lexicon.ts';

const texts = generateReviews(
  { count: 400, sentences: [3, 6], neutral: 0.3, scatter: 0.4 },
  vader,
  stream(0, 'reviews'),
).map(({ text }) => text);
const tokenizerOf = (size: number) => {
  const { document, settings } = wordLevelTokenizer(texts, size, 64);
  return createTokenizer(document, settings);
};
const tokenizer = tokenizerOf(2000);
const build = (options: Partial<BuildOptions> = {}) =>
  buildTriples(slotsOfTexts(texts, vader).slots, texts.length, {
    seed: 0,
    folds: 5,
    limit: 600,
    perDocument: 4,
    maxTokens: 64,
    testShare: 0.2,
    tokenizer,
    ratings: vader,
    familiar: () => true,
    ...options,
  });

describe('word classes', () => {
  test('every rated word is rated, and there are words of both signs for every fold', () => {
    for (const { name, rated, neutral } of WORD_CLASSES) {
      expect([name, rated.filter((word) => vader.value(word) === 0)]).toEqual([name, []]);
      expect([name, neutral.filter((word) => vader.has(word))]).toEqual([name, []]);
      for (const sign of [1, -1]) {
        expect(rated.filter((word) => Math.sign(vader.value(word)) === sign).length).toBeGreaterThanOrEqual(
          15,
        );
      }
      expect(neutral.length).toBeGreaterThanOrEqual(25);
      expect(new Set([...rated, ...neutral]).size).toBe(rated.length + neutral.length);
    }
  });
});

describe('places', () => {
  const slots = (text: string) => slotsOfTexts([text], vader).slots;

  test('a rated word of one class gives a place, with its class as substitutes', () => {
    const [slot] = slots('The plot was wonderful, they say.');
    expect(slot?.prefix).toBe('The plot was ');
    expect(slot?.options.positive).toContain('excellent');
    expect(slot?.options.negative).toContain('terrible');
    expect(slot?.options.neutral).toContain('american');
    for (const word of slot?.options.neutral ?? []) expect(vader.has(word)).toBe(false);
  });

  test('the article before a place decides which words fit', () => {
    const [a] = slots('It is a wonderful film.');
    const [an] = slots('It is an awful film.');
    expect(a?.options.positive).not.toContain('excellent');
    expect(a?.options.positive).toContain('useful');
    expect(an?.options.positive).toContain('excellent');
    expect(an?.options.positive).toContain('honest');
    expect(an?.options.positive).not.toContain('wonderful');
  });

  test('a verb needs its subject, a noun its determiner, and words of two classes are left alone', () => {
    expect(slots('I loved the film.').length).toBe(1);
    expect(slots('The much loved film.').length).toBe(0);
    expect(slots('It was a masterpiece.').length).toBe(1);
    expect(slots('Masterpiece theatre is on.').length).toBe(0);
    // "fear" is a verb and, as it stands here, a noun.
    expect(slots('The hate and fear of it.').length).toBe(0);
  });

  test('a word with nothing before it in its sentence is counted, not used', () => {
    expect(slotsOfTexts(['Wonderful film. Horrible sound.'], vader)).toEqual({
      slots: [],
      withoutContext: 0,
    });
    expect(slotsOfTexts(['wonderful film. It ends.\nhorrible sound.'], vader).withoutContext).toBe(2);
  });

  test('sentences end at marks and at line breaks of HTML', () => {
    expect(sentences('One. "Two!" Three?<br /><br />four\nfive')).toEqual([
      'One.',
      '"Two!"',
      'Three?',
      'four',
      'five',
    ]);
  });
});

describe('triples', () => {
  const { triples, counts } = build();

  test('the three texts differ in the target only, which is whole known tokens', () => {
    expect(triples.length).toBe(600);
    for (const { texts: own, words, spans } of triples) {
      const prefixes = MEMBERS.map((member) => own[member].slice(0, spans[member][0]));
      expect(new Set(prefixes).size).toBe(1);
      for (const member of MEMBERS) {
        expect(own[member].slice(...spans[member])).toBe(words[member]);
        expect(spans[member][1]).toBe(own[member].length);
        const found = tokensOfSpan(tokenizer, own[member], spans[member]);
        expect(found && tokenizer.decode(found.ids.slice(found.from, found.to))).toBe(words[member]);
      }
      expect(vader.value(words.positive)).toBeGreaterThan(0);
      expect(vader.value(words.negative)).toBeLessThan(0);
      expect(vader.has(words.neutral)).toBe(false);
    }
  });

  test('no word family and no document is in two folds, and folds are alike', () => {
    const foldOf = new Map<string, number>();
    for (const { words, document, fold } of triples) {
      for (const unit of [familyOf(words.positive), familyOf(words.negative), `document ${document}`]) {
        expect(foldOf.get(unit) ?? fold).toBe(fold);
        foldOf.set(unit, fold);
      }
    }
    for (const member of ['positive', 'negative'] as const) {
      const perFold = [0, 1, 2, 3, 4].map((fold) => {
        const values = new Set(triples.filter((t) => t.fold === fold).map(({ words }) => words[member]));
        return {
          words: values.size,
          mean: [...values].reduce((s, w) => s + vader.value(w), 0) / values.size,
        };
      });
      const sizes = perFold.map(({ words }) => words);
      expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.4);
      const means = perFold.map(({ mean }) => mean);
      expect(Math.max(...means) - Math.min(...means)).toBeLessThan(0.5);
    }
  });

  test('words are about equally frequent, and so many are used that a rank correlation means something', () => {
    expect(counts.words.positive).toBeGreaterThan(100);
    expect(counts.words.negative).toBeGreaterThan(100);
    const uses = new Map<string, number>();
    for (const { words } of triples) uses.set(words.positive, (uses.get(words.positive) ?? 0) + 1);
    const adjectives = WORD_CLASSES[0]?.rated.filter((word) => uses.has(word) && vader.value(word) > 0) ?? [];
    const most = Math.max(...adjectives.map((word) => uses.get(word) as number));
    expect(most).toBeLessThan(12);
  });

  test('the published split is a fifth of the triples, with words on both sides', () => {
    const test = triples.filter(({ split }) => split === 'test');
    expect(test.length).toBe(120);
    const trained = new Set(
      triples.filter(({ split }) => split === 'train').map(({ words }) => words.positive),
    );
    expect(test.filter(({ words }) => trained.has(words.positive)).length).toBeGreaterThan(60);
  });

  test('no document gives more than its share', () => {
    const perDocument = new Map<number, number>();
    for (const { document } of triples) perDocument.set(document, (perDocument.get(document) ?? 0) + 1);
    expect(Math.max(...perDocument.values())).toBeLessThanOrEqual(4);
    expect(perDocument.size).toBeGreaterThan(300);
  });

  test('every place is accounted for', () => {
    const { slots, triples: made, dropped } = counts;
    expect(made + Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(slots);
  });

  test('words that the model does not know are not used', () => {
    const known = tokenizerOf(260);
    const { triples: few, counts: fewer } = build({ tokenizer: known });
    expect(few.length).toBeGreaterThan(50);
    expect(fewer.words.positive).toBeLessThan(counts.words.positive);
    for (const { texts: own, spans } of few) {
      for (const member of MEMBERS) expect(tokensOfSpan(known, own[member], spans[member])).not.toBeNull();
    }
  });

  test('words that hardly occur in the texts are not used', () => {
    const familiar = familiarWords(texts, 12);
    const { triples: few } = build({ familiar });
    expect(familiar('the')).toBe(true);
    expect(familiar('zebra')).toBe(false);
    expect(triples.some(({ words }) => !familiar(words.positive))).toBe(true);
    for (const { words } of few) for (const member of MEMBERS) expect(familiar(words[member])).toBe(true);
  });

  test('equal seeds give equal triples, other seeds others; the format survives', () => {
    expect(build()).toEqual({ triples, counts });
    expect(build({ seed: 1 }).triples).not.toEqual(triples);
    expect(parseTriples(formatTriples(triples))).toEqual(triples);
  });

  test('a damaged file is an error that names the line', () => {
    expect(() => parseTriples('{"id":1}\n', 'a/triples.jsonl')).toThrow('a/triples.jsonl, line 1');
    const [first] = formatTriples(triples).split('\n');
    expect(() => parseTriples(`${first}\n{"texts`, 'triples.jsonl')).toThrow('line 2');
  });
});
