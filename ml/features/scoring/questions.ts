import type { RandomStream } from '../../random/stream.ts';
import type { Feature, FeatureExample } from '../types.ts';
import { rightMarks, wrongMarks } from './fuzzing.ts';
import type { JudgedWindow, MarkedWindow } from './types.ts';

/** What is asked about one feature, whoever's description is tried. */
export interface Questions {
  detection: Asked<FeatureExample>[][];
  fuzzing: Asked<MarkedWindow>[][];
  /** One window a question: as many silent as active ones, as far as there are. */
  simulation: FeatureExample[];
}

/** A window of a question and what is so. */
export interface Asked<Window> {
  window: Window;
  truth: JudgedWindow['truth'];
}

export interface QuestionOptions {
  /** Most windows of each sort. */
  windows: number;
  /** Windows in one question. */
  perQuestion: number;
}

/**
 * Windows of all sorts are mixed before they are dealt to questions, so that their place tells nothing. Of a window that is marked
 * rightly and wrongly, the two never stand in one question: which of them is right would be a choice of two.
 */
export function questionsAbout(
  feature: Feature,
  { windows, perQuestion }: QuestionOptions,
  draws: RandomStream,
): Questions {
  const some = <Item>(items: readonly Item[]) => shuffled(items, draws).slice(0, windows);
  const mixed = <Item>(items: readonly Item[]) => dealt(shuffled(items, draws), perQuestion);
  const active = some(feature.heldOut);
  const silent = some(feature.silent);
  const as = (truth: JudgedWindow['truth']) => (window: FeatureExample) => ({ window, truth });
  const marked = (right: boolean) =>
    active.flatMap((example, i): Asked<MarkedWindow>[] => {
      if ((i % 2 === 0) === right)
        return [{ window: rightMarks(example, feature.max), truth: 'active' as const }];
      const window = wrongMarks(example, feature.max, draws);
      return window ? [{ window, truth: 'silent' as const }] : [];
    });
  return {
    detection: mixed([
      ...active.map(as('active')),
      ...silent.map(as('silent')),
      ...some(feature.hard).map(as('neighbour')),
    ]),
    fuzzing: [...mixed(marked(true)), ...mixed(marked(false))],
    simulation: [...active, ...silent.slice(0, active.length)],
  };
}

function shuffled<Item>(items: readonly Item[], draws: RandomStream): Item[] {
  return Array.from(draws.permutation(items.length), (i) => items[i] as Item);
}

function dealt<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
