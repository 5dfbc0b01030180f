import { stream } from '../../random/stream.ts';
import { bootstrapMany } from '../../stats/bootstrap.ts';
import { holm } from '../../stats/holm.ts';
import { rSquared } from '../../stats/r-squared.ts';
import { StratifiedKendall } from '../../stats/stratified-kendall.ts';
import type { Estimate } from '../../stats/types.ts';
import type { ProbeFile } from '../types.ts';
import { type Cell, cellName, cellsOf, findCell } from './cells.ts';
import { type Chance, chanceOf, chanceOfGap } from './chance.ts';
import { indexWords } from './drawn-words.ts';
import { CellMeasures, MEASURES, type Measure } from './measures.ts';

/**
 * Everything that is said of the probes: measures with intervals by a bootstrap that draws word families (BCa), the chance
 * level from permuted values, and differences between probes, paired by drawing the same words for both.
 * The intervals tell how much the result depends on which words were read, for probes as they were fitted.
 * Draws from the stream `probe/evaluate/bootstrap` of seed 0.
 */
export interface Evaluation {
  cells: EvaluatedCell[];
  gaps: Gap[];
  words: string[];
  families: number;
}

export interface EvaluatedCell {
  cell: Cell;
  measures: Record<Measure, Estimate>;
  /** Asymptotic p-value of tau, two-sided; the mean over seeds has none. */
  pValue: number | null;
  /** Of predictions on the scale of the values only. */
  rSquared: number | null;
  chance: Chance | null;
  chanceSign: Chance | null;
  /** Words read, over all seeds. */
  words: number;
}

export type GapName = 'tuned - base' | 'tuned - random' | 'sae - raw';

/** A difference of two probes on the same words. */
export interface Gap {
  name: GapName;
  of: Cell;
  minus: Cell;
  /** Difference of each measure. */
  measures: Record<Measure, Estimate>;
  /** Two-sided, of the difference of tau (chance.ts); null without permutations. */
  pValue: number | null;
  /** Adjusted (Holm) over the differences of one protocol and method. */
  pValueAdjusted: number | null;
}

export interface EvaluationOptions {
  replicates: number;
  level: number;
  /** Called as work goes on, 0..1. */
  onProgress?(share: number): void;
}

export function evaluateProbes(files: readonly ProbeFile[], options: EvaluationOptions): Evaluation {
  const cells = cellsOf(files);
  const index = indexWords(cells);
  const pairs = gapsOf(cells);
  const measures = cells.map((cell) => new CellMeasures(cell, index));
  const M = MEASURES.length;
  const position = new Map(cells.map((cell, c) => [cellName(cell), c * M]));
  const at = (cell: Cell) => position.get(cellName(cell)) as number;

  let drawn = 0;
  const estimates = bootstrapMany(
    index.words.length,
    (cells.length + pairs.length) * M,
    (rows, out) => {
      measures.forEach((measure, c) => {
        measure.measure(rows, out, c * M);
      });
      pairs.forEach(({ of, minus }, p) => {
        for (let m = 0; m < M; m++) {
          out[(cells.length + p) * M + m] = (out[at(of) + m] as number) - (out[at(minus) + m] as number);
        }
      });
      if (++drawn % 50 === 0) options.onProgress?.(Math.min(1, drawn / (1.25 * options.replicates)));
    },
    {
      stream: stream(0, 'probe/evaluate/bootstrap'),
      unit: 'word family',
      clusters: index.families,
      replicates: options.replicates,
      level: options.level,
    },
  );
  const recordAt = (slot: number) =>
    Object.fromEntries(
      MEASURES.map((measure, m) => [measure, estimates[slot * M + m] as Estimate]),
    ) as Record<Measure, Estimate>;

  const gaps = pairs.map((pair, p): Gap => {
    const measured = recordAt(cells.length + p);
    const pValue = chanceOfGap(pair.of, pair.minus, measured.tau.value)?.p_value ?? null;
    return { ...pair, measures: measured, pValue, pValueAdjusted: null };
  });
  adjust(gaps);
  return {
    cells: cells.map((cell, c) => evaluated(cell, recordAt(c))),
    gaps,
    words: index.words,
    families: new Set(index.families).size,
  };
}

function evaluated(cell: Cell, measures: Record<Measure, Estimate>): EvaluatedCell {
  const [only] = cell.runs;
  const single = cell.runs.length === 1 && only ? only.reading : null;
  const onScale = cell.method === 'ridge' && cell.control === 'none';
  const r2 = cell.runs.map(({ reading }) => rSquared(reading.values, reading.predictions));
  return {
    cell,
    measures,
    pValue: single
      ? new StratifiedKendall(single.values, single.predictions, single.strata).result().p_value
      : null,
    rSquared: onScale ? r2.reduce((sum, value) => sum + value, 0) / r2.length : null,
    chance: chanceOf(cell, 'tau', measures.tau.value),
    chanceSign: chanceOf(cell, 'signAccuracy', measures.signAccuracy.value, 0.5),
    words: new Set(cell.runs.flatMap(({ reading }) => reading.words)).size,
  };
}

/** Each probe of the tuned model against the same probe of the other models, and of the activations themselves. */
function gapsOf(cells: readonly Cell[]): Pick<Gap, 'name' | 'of' | 'minus'>[] {
  return cells
    .filter((cell) => cell.role === 'tuned' && cell.control === 'none')
    .flatMap((of) => {
      const { representation, method, protocol, control } = of;
      const same = { representation, method, protocol, control };
      const against: [GapName, Cell | undefined][] = [
        ['tuned - base', findCell(cells, { ...same, role: 'base' })],
        ['tuned - random', findCell(cells, { ...same, role: 'random' })],
        [
          'sae - raw',
          representation === 'sae'
            ? findCell(cells, { ...same, role: 'tuned', representation: 'raw' })
            : undefined,
        ],
      ];
      return against.flatMap(([name, minus]) => (minus ? [{ name, of, minus }] : []));
    });
}

function adjust(gaps: readonly Gap[]): void {
  const tests = new Map<string, Gap[]>();
  for (const gap of gaps) {
    if (gap.pValue === null) continue;
    const key = `${gap.of.protocol} ${gap.of.method}`;
    tests.set(key, [...(tests.get(key) ?? []), gap]);
  }
  for (const family of tests.values()) {
    holm(family.map((gap) => gap.pValue as number)).forEach((p, i) => {
      (family[i] as Gap).pValueAdjusted = p;
    });
  }
}
