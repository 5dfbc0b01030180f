import { ComputeError } from '../failure.ts';
import type { PromptCompletion, Reward, Scored } from './types.ts';
import { words } from './words.ts';

/**
 * The word-list reward of "Interpreting Learned Feedback Patterns in Large Language Models" (Marks et al., NeurIPS 2024),
 * section 3.1, with VADER's ratings V (Hutto & Gilbert 2014) and none of VADER's rules:
 *
 *   Reward(s) = clip( scale * sum over words t of s of V(lower(t)), -clip, +clip )      V = 0 for words not in the list
 *
 * Every occurrence counts. Defaults: scale 1/5, clip 10 (PPO collapsed with unbounded rewards).
 */
export interface LexiconRewardOptions {
  scale: number;
  clip: number;
  /** The paper scores prefix and completion together; its last published code the completion alone. */
  scored: Scored;
}

/** A list of words with a value each. */
export class Lexicon {
  constructor(
    readonly name: string,
    private readonly values: ReadonlyMap<string, number>,
  ) {}

  get size(): number {
    return this.values.size;
  }

  /** The value of `word`, whatever its case; 0 when it is not in the list. */
  value(word: string): number {
    return this.values.get(word.toLowerCase()) ?? 0;
  }

  has(word: string): boolean {
    return this.values.has(word.toLowerCase());
  }

  /** In the order of the list. Keys as written there: those with capitals or spaces never match a word of a text. */
  entries(): IterableIterator<[string, number]> {
    return this.values.entries();
  }

  /** The sum of the values of all words of `text`. */
  sum(text: string): number {
    let sum = 0;
    for (const word of words(text)) sum += this.value(word);
    return sum;
  }
}

/**
 * Reads a word list: one `word<TAB>value` a line, further columns ignored; lines that start with `# ` and empty lines are
 * skipped; of a repeated word the last line counts.
 * @param where how errors name the list
 * @throws ComputeError `bad-data` naming the line that is not of this form
 */
export function parseLexicon(name: string, text: string, where = name): Lexicon {
  const values = new Map<string, number>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('# ')) continue;
    const [word, number] = line.split('\t');
    const value = Number(number);
    if (!word || number === undefined || number.trim() === '' || !Number.isFinite(value)) {
      throw new ComputeError(
        'bad-data',
        `${where}, line ${index + 1}: ${JSON.stringify(line)} is not a word, a tab and a number`,
        {
          hint: 'A word list has one word a line: the word, a tab, its value (as in "wonderful<TAB>2.7").',
        },
      );
    }
    values.set(word, value);
  }
  if (values.size === 0) {
    throw new ComputeError('bad-data', `${where} holds no words`, {
      hint: 'Write one word a line: the word, a tab, its value.',
    });
  }
  return new Lexicon(name, values);
}

export function lexiconReward(lexicon: Lexicon, options: LexiconRewardOptions): Reward {
  const { scale, clip, scored } = options;
  const read = ({ prompt, completion }: PromptCompletion) =>
    scored === 'completion' ? completion : prompt + completion;
  return {
    description: `${scale} x the sum of the ${lexicon.name} values of the words of the ${scored}, clipped to ±${clip}`,
    score: (texts) => texts.map((text) => Math.min(clip, Math.max(-clip, scale * lexicon.sum(read(text))))),
  };
}
