import type { EvaluatedCell } from './evaluate.ts';
import { tauOnStrings } from './tau-on-strings.ts';

/**
 * Two mistakes of the published analysis, kept as named switches to show what each does to the number:
 *
 *   base-model-activations  activations come from the model before tuning, read with the tuned model's dictionaries
 *   tau-on-strings          Kendall's tau between lists of word strings, negative words only (tau-on-strings.ts)
 */
export const SWITCHES = ['base-model-activations', 'tau-on-strings'] as const;
export type Switch = (typeof SWITCHES)[number];

export interface PublishedRow {
  switches: Switch[];
  tau: number;
  p_value: number;
  words: number;
}

/**
 * The published regression probe (faithful ridge on dictionary features) under every combination of the switches given.
 * Of several seeds the first, since the publication had one. Empty when there is no such probe.
 */
export function publishedRows(cells: readonly EvaluatedCell[], switches: readonly Switch[]): PublishedRow[] {
  return combinations(switches).flatMap((on): PublishedRow[] => {
    const role = on.includes('base-model-activations') ? 'base' : 'tuned';
    const found = cells.find(
      ({ cell }) =>
        cell.role === role &&
        cell.protocol === 'faithful' &&
        cell.method === 'ridge' &&
        cell.representation === 'sae' &&
        cell.control === 'none',
    );
    const run = found?.cell.runs[0];
    if (!found || !run) return [];
    if (!on.includes('tau-on-strings')) {
      const words = run.reading.words.length;
      return [{ switches: on, tau: found.measures.tau.value, p_value: found.pValue ?? Number.NaN, words }];
    }
    const { tau, p_value, n } = tauOnStrings(run.reading);
    return [{ switches: on, tau, p_value, words: n }];
  });
}

/** Subsets that switch something on. */
function combinations(switches: readonly Switch[]): Switch[][] {
  const known = SWITCHES.filter((name) => switches.includes(name));
  return Array.from({ length: 2 ** known.length - 1 }, (_, i) =>
    known.filter((_, bit) => Math.floor((i + 1) / 2 ** bit) % 2 === 1),
  );
}
