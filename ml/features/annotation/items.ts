import { ComputeError } from '../../failure.ts';
import type { RandomStream } from '../../random/stream.ts';
import { scaled } from '../scale.ts';
import type { Feature, FeatureExample } from '../types.ts';
import type { AnnotationItem, AnnotationKey, Excerpt } from './types.ts';

export interface ItemOptions {
  /** At most so many items, of features drawn at random. */
  items: number;
  /** Descriptions to choose from in each. */
  options: number;
  excerpts: number;
  /** Tokens of an excerpt, around its strongest. */
  tokens: number;
  /** Excerpts that the description was written from, or others. */
  shown: 'held-out' | 'described';
  distractors: 'hard' | 'random';
  /** Share of items without the true description: there "none of the above" is right. */
  absentShare: number;
}

/** Features that fire on so much the same tokens are one to a rater: either description would be right. */
const TOO_ALIKE = 0.9;

/**
 * Multiple-choice items: excerpts of a feature, its description among those of other features, or, in a share of the items,
 * not among them. Hard distractors are the descriptions of the features that fire on the most similar tokens (cosine of
 * their token profiles, below 0.9); random ones are drawn from all.
 *
 * As published (Marks et al. 2024, appendix G): 4 options, 5 excerpts of 8 tokens, random distractors, never absent.
 *
 * @throws ComputeError bad-data when there are too few different descriptions
 */
export function annotationItems(
  features: readonly Feature[],
  options: ItemOptions,
  draws: RandomStream,
): { items: AnnotationItem[]; key: AnnotationKey[] } {
  const described = features.flatMap((feature) =>
    feature.explanation?.status === 'labelled' && excerptsOf(feature, options).length > 0
      ? [{ feature, description: feature.explanation.text, profile: tokenProfile(feature) }]
      : [],
  );
  const order = Array.from(
    draws.permutation(described.length).subarray(0, options.items),
    (i) => described[i] as Described,
  );
  // As many items without their description as the share says, not as chance has it.
  const absent = new Set(
    draws.permutation(order.length).subarray(0, Math.round(options.absentShare * order.length)),
  );
  const items: AnnotationItem[] = [];
  const key: AnnotationKey[] = [];
  for (const [index, own] of order.entries()) {
    const wanted = options.options - (absent.has(index) ? 0 : 1);
    const others = distractors(own, described, options.distractors, wanted, draws);
    if (others.length < wanted) continue;
    const all = absent.has(index) ? others : [...others, { ...own, similarity: 1 }];
    const shuffled = Array.from(draws.permutation(all.length), (i) => all[i] as Option);
    const id = `item-${String(items.length + 1).padStart(3, '0')}`;
    const at = shuffled.findIndex(({ feature }) => feature === own.feature);
    const { layer, dictionary, feature } = own.feature;
    items.push({
      id,
      excerpts: excerptsOf(own.feature, options),
      options: shuffled.map(({ description }) => description),
    });
    key.push({
      item: id,
      answer: at < 0 ? options.options + 1 : at + 1,
      layer,
      dictionary,
      feature,
      description: own.description,
      similarity: shuffled.map(({ similarity }) => Number(similarity.toFixed(3))),
    });
  }
  if (items.length === 0)
    throw new ComputeError(
      'bad-data',
      `${described.length} of the features have a description and excerpts, and none of them has ${options.options - 1} others that are told apart from it`,
      { hint: 'describe more features (`per-dictionary` of features.explain), or ask for fewer `options`' },
    );
  return { items, key };
}

interface Described {
  feature: Feature;
  description: string;
  profile: ReadonlyMap<string, number>;
}

interface Option extends Described {
  similarity: number;
}

function distractors(
  own: Described,
  described: readonly Described[],
  how: ItemOptions['distractors'],
  count: number,
  draws: RandomStream,
): Option[] {
  const shuffled = Array.from(draws.permutation(described.length), (i) => described[i] as Described);
  const possible = shuffled
    .filter(({ feature }) => feature !== own.feature)
    .map((other): Option => ({ ...other, similarity: cosine(own.profile, other.profile) }))
    .filter(({ similarity }) => similarity < TOO_ALIKE);
  if (how === 'hard') possible.sort((a, b) => b.similarity - a.similarity);
  const taken = new Set([wording(own.description)]);
  const chosen: Option[] = [];
  for (const option of possible) {
    if (chosen.length === count) break;
    if (taken.has(wording(option.description))) continue;
    taken.add(wording(option.description));
    chosen.push(option);
  }
  return chosen;
}

/** Descriptions that differ in case, spaces or their last full stop are one. */
const wording = (text: string) => text.toLowerCase().replace(/\s+/g, ' ').trim().replace(/\.$/, '');

/** How much of a feature's activation over its excerpts falls on each token. */
function tokenProfile({ examples, heldOut }: Feature): ReadonlyMap<string, number> {
  const profile = new Map<string, number>();
  for (const { tokens, activations } of [...examples, ...heldOut]) {
    for (const [i, token] of tokens.entries()) {
      const activation = activations[i] ?? 0;
      const word = token.trim().toLowerCase();
      if (activation > 0) profile.set(word, (profile.get(word) ?? 0) + activation);
    }
  }
  return profile;
}

function cosine(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const norm = (of: ReadonlyMap<string, number>) =>
    Math.sqrt([...of.values()].reduce((sum, value) => sum + value * value, 0));
  let dot = 0;
  for (const [word, value] of a) dot += value * (b.get(word) ?? 0);
  return dot > 0 ? dot / (norm(a) * norm(b)) : 0;
}

function excerptsOf(feature: Feature, { shown, excerpts, tokens }: ItemOptions): Excerpt[] {
  const examples = shown === 'held-out' ? feature.heldOut : feature.examples;
  return [...examples]
    .filter(({ activations }) => activations.some((activation) => scaled(activation, feature.max) > 0))
    .sort((a, b) => b.quantile - a.quantile)
    .slice(0, excerpts)
    .map((example) => excerpt(example, feature.max, tokens));
}

function excerpt({ tokens, activations }: FeatureExample, max: number, length: number): Excerpt {
  const peak = activations.indexOf(Math.max(...activations));
  const from = Math.max(0, Math.min(peak - Math.floor(length / 2), tokens.length - length));
  return {
    tokens: tokens.slice(from, from + length),
    levels: activations.slice(from, from + length).map((activation) => scaled(activation, max)),
  };
}
