import type { Table } from '../store/table.ts';
import type { Json } from '../store/types.ts';

/** Rows kept, at most: a curve shows no more. */
const MOST_ROWS = 400;

/**
 * The losses of a training of a dictionary, step by step at first; whenever there are more rows than a curve shows, every
 * second one is dropped, and steps are noted half as often. Depends on nothing but the steps, so that a resumed training has
 * the same history.
 */
export class SaeHistory {
  private every = 1;
  private rows: Record<string, number>[] = [];

  note(step: number, losses: Record<string, number>): void {
    if (step % this.every !== 0) return;
    this.rows.push({ step, ...losses });
    if (this.rows.length <= MOST_ROWS) return;
    this.every *= 2;
    this.rows = this.rows.filter((row) => row.step! % this.every === 0);
  }

  save(): Json {
    return { every: this.every, rows: this.rows };
  }

  /** Of a state that was saved without one, the history begins there. */
  load(saved: Json | undefined): void {
    if (saved === undefined) return;
    const { every, rows } = saved as { every: number; rows: Record<string, number>[] };
    this.every = every;
    this.rows = rows;
  }

  table(): Table {
    const names = [...new Set(this.rows.flatMap((row) => Object.keys(row)))];
    return {
      id: 'sae-history',
      title: 'Training of the dictionary, step by step',
      caption: `Every ${this.every === 1 ? 'step' : `${this.every}th step`}, on the batch of the step, in training units: activations may have been scaled.`,
      columns: names.map((name) => ({
        key: name,
        label: name.replaceAll('_', ' '),
        format: name === 'step' ? ('integer' as const) : ('number' as const),
      })),
      rows: this.rows,
    };
  }
}
