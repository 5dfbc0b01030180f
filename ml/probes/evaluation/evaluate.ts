import { stream } from '../../random/stream.ts';
import { bootstrapMany } from '../../stats/bootstrap.ts';
import { holm } from '../../stats/holm.ts';
import { rSquared } from '../../stats/r-squared.ts';
import { StratifiedKendall } from '../../stats/stratified-kendall.ts';
import type { Estimate } from '../../stats/types.ts';
import { type ProbeFile, REPRESENTATIONS, type Representation } from '../types.ts';
import { type Cell, cellName, cellsOf, findCell } from './cells.ts';
import { type Chance, chanceOf, chanceOfGap } from './chance.ts';
import { indexWords } from './drawn-words.ts';
import { CellMeasures, MEASURES, type Measure } from './measures.ts';
import { SelectivityMeasure } from './selectivity.ts';

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
  /** By measure; null without permutations, or where the measure is not kept of them. */
  chances: Record<Measure, Chance | null>;
  /** Tau of the truth less that of control tasks, on words that were fitted; null without control tasks. */
  selectivity: Estimate | null;
  /** Words read, over all seeds. */
  words: number;
}

/** What a probe of the tuned model is compared with: another model, other inputs, random weights, permuted feedback. */
export type Against = 'base' | 'random' | 'shuffled' | 'untrained' | Exclude<Representation, 'sae'>;

/** A difference of two probes on the same words, or of a probe and its chance level. */
export interface Gap {
  against: Against;
  of: Cell;
  /** null for `shuffled`: the mean over its permutations. */
  minus: Cell | null;
  /** Difference of each measure. */
  measures: Record<Measure, Estimate>;
  /** Two-sided (chance.ts), by measure; null without permutations. */
  pValues: Record<Measure, number | null>;
  /** Of the difference of tau, adjusted (Holm) over all differences of the same probe of the tuned model. */
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
  const selectivities = cells.map((cell) => new SelectivityMeasure(cell, index));
  const M = MEASURES.length;
  const selective = (cells.length + pairs.length) * M;
  const position = new Map(cells.map((cell, c) => [cellName(cell), c * M]));
  const at = (cell: Cell) => position.get(cellName(cell)) as number;

  let drawn = 0;
  const estimates = bootstrapMany(
    index.words.length,
    selective + cells.length,
    (rows, out) => {
      measures.forEach((measure, c) => {
        measure.measure(rows, out, c * M);
      });
      pairs.forEach(({ of, minus }, p) => {
        for (let m = 0; m < M; m++) {
          out[(cells.length + p) * M + m] = (out[at(of) + m] as number) - (out[at(minus) + m] as number);
        }
      });
      selectivities.forEach((selectivity, c) => {
        out[selective + c] = selectivity.defined ? selectivity.measure(rows) : Number.NaN;
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
  const recordAt = (slot: number) => byMeasure((_, m) => estimates[slot * M + m] as Estimate);

  const evaluatedCells = cells.map((cell, c) =>
    evaluated(cell, recordAt(c), selectivities[c]?.defined ? (estimates[selective + c] as Estimate) : null),
  );
  const gaps = [
    ...pairs.map((pair, p): Gap => {
      const measures = recordAt(cells.length + p);
      const pValues = byMeasure(
        (measure) => chanceOfGap(pair.of, pair.minus, measure, measures[measure].value)?.p_value ?? null,
      );
      return { ...pair, measures, pValues, pValueAdjusted: null };
    }),
    ...evaluatedCells.flatMap(aboveChance),
  ];
  adjust(gaps);
  return {
    cells: evaluatedCells,
    gaps,
    words: index.words,
    families: new Set(index.families).size,
  };
}

function evaluated(
  cell: Cell,
  measures: Record<Measure, Estimate>,
  selectivity: Estimate | null,
): EvaluatedCell {
  const [only] = cell.runs;
  const single = cell.runs.length === 1 && only ? only.reading : null;
  const onScale = !cell.method.startsWith('logistic') && cell.control === 'none';
  const r2 = cell.runs.map(({ reading }) => rSquared(reading.values, reading.predictions));
  return {
    cell,
    measures,
    pValue: single
      ? new StratifiedKendall(single.values, single.predictions, single.strata).result().p_value
      : null,
    rSquared: onScale ? r2.reduce((sum, value) => sum + value, 0) / r2.length : null,
    chances: byMeasure((measure) => chanceOf(cell, measure, measures[measure].value)),
    selectivity,
    words: new Set(cell.runs.flatMap(({ reading }) => reading.words)).size,
  };
}

/** Each probe of the tuned model against the same probe of the other models, of other inputs, and with random weights. */
function gapsOf(cells: readonly Cell[]): { against: Against; of: Cell; minus: Cell }[] {
  return cells
    .filter(({ role, control, representation }) => {
      return role === 'tuned' && control === 'none' && CLAIMS.includes(representation);
    })
    .flatMap((of) => {
      const { representation, method, protocol, control } = of;
      const same = { representation, method, protocol, control };
      const others = REPRESENTATIONS.slice(REPRESENTATIONS.indexOf(representation) + 1);
      const against: [Against, Cell | undefined][] = [
        ['base', findCell(cells, { ...same, role: 'base' })],
        ['random', findCell(cells, { ...same, role: 'random' })],
        ['untrained', findCell(cells, { ...same, role: 'tuned', control: 'untrained' })],
        ...others.map((other): [Against, Cell | undefined] => [
          other as Exclude<Representation, 'sae'>,
          findCell(cells, { ...same, role: 'tuned', representation: other }),
        ]),
      ];
      return against.flatMap(([name, minus]) => (minus ? [{ against: name, of, minus }] : []));
    });
}

/** Inputs that something is claimed of; the others are there to compare with. */
const CLAIMS: readonly Representation[] = ['sae', 'raw'];

/** A probe of the tuned model against what permuted feedback gives on average. */
function aboveChance({ cell, measures, chances }: EvaluatedCell): Gap[] {
  const claimed = cell.role === 'tuned' && cell.control === 'none' && CLAIMS.includes(cell.representation);
  if (!claimed || !chances.tau) return [];
  const minus = (estimate: Estimate, mean: number | undefined): Estimate => {
    if (mean === undefined) return { value: Number.NaN, n: estimate.n, n_unit: estimate.n_unit };
    const { value, ci_low, ci_high } = estimate;
    if (ci_low === undefined || ci_high === undefined) return { ...estimate, value: value - mean };
    return { ...estimate, value: value - mean, ci_low: ci_low - mean, ci_high: ci_high - mean };
  };
  return [
    {
      ...{ against: 'shuffled', of: cell, minus: null },
      measures: byMeasure((measure) => minus(measures[measure], chances[measure]?.mean)),
      pValues: byMeasure((measure) => chances[measure]?.p_value ?? null),
      pValueAdjusted: null,
    },
  ];
}

function byMeasure<T>(of: (measure: Measure, m: number) => T): Record<Measure, T> {
  return Object.fromEntries(MEASURES.map((measure, m) => [measure, of(measure, m)])) as Record<Measure, T>;
}

function adjust(gaps: readonly Gap[]): void {
  const tests = new Map<string, Gap[]>();
  for (const gap of gaps) {
    if (gap.pValues.tau === null) continue;
    const key = cellName(gap.of);
    tests.set(key, [...(tests.get(key) ?? []), gap]);
  }
  for (const family of tests.values()) {
    holm(family.map((gap) => gap.pValues.tau as number)).forEach((p, i) => {
      (family[i] as Gap).pValueAdjusted = p;
    });
  }
}
