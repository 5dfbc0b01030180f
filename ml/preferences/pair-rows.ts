import { splitDialogue } from './dialogue.ts';
import type { PreferencePair } from './types.ts';

/** How a row of fields becomes a pair. The names are those of the parameters of data.preferences. */
export interface PairRules {
  format: 'dialogue' | 'columns';
  /** Names of the fields. */
  chosen: string;
  rejected: string;
  prompt: string;
  margin?: string;
  /** What opens an assistant's turn, for dialogues. */
  opening: string;
}

export type PairProblem = 'unreadable' | 'equal' | 'prompt_differs' | 'empty';
interface Refusal {
  problem: PairProblem;
  why: string;
}
export type PairVerdict = { pair: PreferencePair } | Refusal;

/**
 * The pair that a row holds. Of dialogues, both sides are whole dialogues that share everything up to the assistant's last
 * turn, as in HH-RLHF (Bai et al. 2022, arXiv 2204.05862); of columns, prompt and completions stand in fields of their own.
 */
export function pairOfRow(row: Readonly<Record<string, unknown>>, rules: PairRules): PairVerdict {
  const fields = [rules.chosen, rules.rejected, ...(rules.format === 'columns' ? [rules.prompt] : [])];
  for (const name of fields)
    if (typeof row[name] !== 'string')
      return unreadable(
        `it has no text in \`${name}\` (it has ${Object.keys(row).slice(0, 8).join(', ') || 'nothing'})`,
      );
  const margin = rules.margin === undefined ? undefined : row[rules.margin];
  if (rules.margin !== undefined && !(typeof margin === 'number' && Number.isFinite(margin)))
    return unreadable(`it has no number in \`${rules.margin}\``);
  const sides = rules.format === 'columns' ? ofColumns(row, rules) : ofDialogues(row, rules);
  if ('problem' in sides) return sides;
  if (sides.chosen === sides.rejected) return { problem: 'equal', why: 'both sides are the same' };
  if (sides.chosen.trim() === '' || sides.rejected.trim() === '')
    return { problem: 'empty', why: 'one side is empty' };
  return { pair: { ...sides, ...(typeof margin === 'number' && { margin }) } };
}

const unreadable = (why: string): Refusal => ({ problem: 'unreadable', why });

function ofColumns(row: Readonly<Record<string, unknown>>, rules: PairRules): PreferencePair {
  const text = (name: string) => row[name] as string;
  return { prompt: text(rules.prompt), chosen: text(rules.chosen), rejected: text(rules.rejected) };
}

function ofDialogues(row: Readonly<Record<string, unknown>>, rules: PairRules): PreferencePair | Refusal {
  const chosen = splitDialogue(row[rules.chosen] as string, rules.opening);
  const rejected = splitDialogue(row[rules.rejected] as string, rules.opening);
  if (!chosen || !rejected)
    return { problem: 'unreadable', why: `a side has no turn opened by ${JSON.stringify(rules.opening)}` };
  if (chosen.prompt !== rejected.prompt)
    return { problem: 'prompt_differs', why: 'the sides differ before the last turn of the assistant' };
  return { prompt: chosen.prompt, chosen: chosen.completion, rejected: rejected.completion };
}
