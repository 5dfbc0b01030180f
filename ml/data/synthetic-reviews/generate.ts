import type { RandomStream } from '../../random/stream.ts';
import { takesAn } from '../../triples/substitution.ts';
import type { Ratings } from '../../triples/types.ts';
import { ASPECTS, CLOSING, CONTRAST, FEELING, NEUTRAL, RULES } from './grammar.ts';
import { CLASS_NAMES, type ClassName, RatedWords } from './rated-words.ts';

/** A review that nobody wrote. */
export interface SyntheticReview {
  text: string;
  /** The sign of `sentiment`. */
  label: 'positive' | 'negative';
  /** What the reviewer feels about the film, -1 .. 1; feelings about its aspects scatter around it. */
  sentiment: number;
}

export interface SyntheticReviewOptions {
  count: number;
  /** Fewest and most sentences of a review, the closing one included. */
  sentences: readonly [number, number];
  /** Share of sentences that feel nothing. */
  neutral: number;
  /** Standard deviation of feelings about aspects around the review's sentiment. */
  scatter: number;
}

/** What a sentence is made from. */
export interface Context {
  words: RatedWords;
  draws: RandomStream;
  sentiment: number;
  scatter: number;
  feelings: Map<string, number>;
}

/**
 * Reviews with a latent sentiment, feelings about single aspects that scatter around it, words as strong as the feeling,
 * negation, contrasts, and sentences that feel nothing (grammar.ts). Which words are strong, and which way, is what
 * `ratings` says. Deterministic in `draws`.
 */
export function generateReviews(
  options: SyntheticReviewOptions,
  ratings: Ratings,
  draws: RandomStream,
): SyntheticReview[] {
  const words = new RatedWords(ratings);
  return Array.from({ length: options.count }, () => review(options, words, draws));
}

function review(options: SyntheticReviewOptions, words: RatedWords, draws: RandomStream): SyntheticReview {
  const sentiment = (draws.uniform() < 0.5 ? -1 : 1) * (0.15 + 0.85 * draws.uniform());
  const context: Context = { words, draws, sentiment, scatter: options.scatter, feelings: new Map() };
  const [fewest, most] = options.sentences;
  const count = fewest + draws.integer(most - fewest + 1);
  const sentences = Array.from({ length: count - 1 }, () => {
    if (draws.uniform() < options.neutral) return expand(draws.choice(NEUTRAL), context, {});
    return draws.uniform() < 0.12 ? expandAbout(CONTRAST, context) : expandAbout(FEELING, context);
  });
  sentences.push(expandAbout(CLOSING, context));
  return {
    text: sentences.map(capitalise).join(' '),
    label: sentiment > 0 ? 'positive' : 'negative',
    sentiment: Number(sentiment.toFixed(3)),
  };
}

/** The aspects of one sentence and what is felt about them. */
interface Subjects {
  aspect?: { name: string; feeling: number };
  aspect2?: { name: string; feeling: number };
}

/** A sentence of one of the patterns, about aspects that are drawn. */
export function expandAbout(patterns: readonly string[], context: Context): string {
  const { draws } = context;
  const names = Object.keys(ASPECTS);
  const order = draws.permutation(names.length);
  const subject = (i: number) => {
    const aspect = names[order[i] as number] as string;
    return {
      name: draws.choice(ASPECTS[aspect] as readonly string[]),
      feeling: feelingAbout(aspect, context),
    };
  };
  return expand(draws.choice(patterns), context, { aspect: subject(0), aspect2: subject(1) });
}

function feelingAbout(aspect: string, { feelings, sentiment, scatter, draws }: Context): number {
  const known = feelings.get(aspect);
  if (known !== undefined) return known;
  const felt = Math.max(-1, Math.min(1, sentiment + scatter * draws.normal()));
  const clear = Math.abs(felt) < 0.1 ? Math.sign(felt || 1) * 0.1 : felt;
  feelings.set(aspect, clear);
  return clear;
}

function expand(pattern: string, context: Context, subjects: Subjects): string {
  let text = pattern;
  // From the innermost outwards, left to right: {..|..} inside (..|..) and the other way round.
  for (;;) {
    const found = /\{([^{}()]*)\}|\(([^{}()]*\|[^{}()]*)\)/.exec(text);
    if (!found) break;
    const [whole, name, choices] = found;
    const replacement =
      choices === undefined
        ? fill(name as string, context, subjects)
        : context.draws.choice(choices.split('|'));
    text = text.slice(0, found.index) + replacement + text.slice(found.index + whole.length);
  }
  return text
    .replace(/\s+/g, ' ')
    .replace(/ ([.,])/g, '$1')
    .replace(/\ba (\w+)/g, (_, word: string) => `${takesAn(word) ? 'an' : 'a'} ${word}`)
    .trim();
}

function fill(name: string, context: Context, subjects: Subjects): string {
  const { draws, words } = context;
  if (name === 'aspect' || name === 'aspect2') return (subjects[name] as { name: string }).name;
  const rule = RULES[name];
  if (rule) return draws.choice(rule);
  const [, sign, wordClass, second] = /^([-0]?)([a-z]+)(2?)$/.exec(name) ?? [];
  if (!CLASS_NAMES.includes(wordClass as ClassName)) throw new Error(`The grammar has no rule ${name}`);
  if (sign === '0') return words.unrated(wordClass as ClassName, draws);
  const feeling = (second ? subjects.aspect2 : subjects.aspect)?.feeling ?? context.sentiment;
  return words.felt(wordClass as ClassName, sign === '-' ? -feeling : feeling, draws);
}

export const capitalise = (sentence: string) => sentence.charAt(0).toUpperCase() + sentence.slice(1);
