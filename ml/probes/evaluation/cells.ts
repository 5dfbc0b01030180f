import { ComputeError } from '../../failure.ts';
import { readWords } from '../reading.ts';
import {
  type Control,
  type ControlTask,
  type Fit,
  type Method,
  type ProbeFile,
  type Protocol,
  REPRESENTATIONS,
  type Reading,
  type Representation,
  ROLES,
  type Role,
} from '../types.ts';

/** One probe over all seeds: what a row of the table is about. */
export interface Cell {
  role: Role;
  representation: Representation;
  method: Method;
  protocol: Protocol;
  control: Control;
  runs: CellRun[];
}

/** The probe of one seed. */
export interface CellRun {
  seed: number;
  triples: string;
  reading: Reading;
  shuffled: Fit['shuffled'];
  controlTask?: ControlTask;
  /** Of classifiers: what each occurrence was predicted to be, and what it is. */
  probabilities?: { word: string[]; calibrated: number[]; odds: number[]; positive: boolean[] };
}

/** In the order of the table: what should be believed first, then what was published; claim before control. */
const PROTOCOLS: readonly Protocol[] = ['corrected', 'faithful'];
const METHODS: readonly Method[] = ['ridge', 'lasso', 'elastic-net', 'logistic', 'logistic-l1'];
const CONTROLS: readonly Control[] = ['none', 'untrained'];

/**
 * @throws ComputeError bad-parameter when two probes are the same, or probes to be compared were read on different words
 */
export function cellsOf(files: readonly ProbeFile[]): Cell[] {
  const cells = new Map<string, Cell>();
  for (const file of files) {
    requireFormat(file);
    for (const fit of file.fits) {
      const { representation, control, predictions, shuffled, controlTask } = fit;
      const { role, method, protocol, seed, triples } = file;
      const cell = { role, representation, method, protocol, control, runs: [] };
      const key = [protocol, method, representation, role, control].join(' ');
      const own = cells.get(key) ?? cell;
      cells.set(key, own);
      if (own.runs.some((run) => run.seed === seed && run.triples === triples)) {
        throw new ComputeError(
          'bad-parameter',
          `two probes are ${role}, ${method} and ${protocol}, with seed ${seed}`,
          {
            hint: 'give each probe.fit a `role` of its own: tuned, base or random',
          },
        );
      }
      own.runs.push({
        ...{ seed, triples, shuffled },
        reading: readWords(file.rows, predictions, file),
        ...(controlTask ? { controlTask } : {}),
        ...(fit.probabilities ? { probabilities: predictedOf(file, fit, fit.probabilities) } : {}),
      });
    }
  }
  const sorted = [...cells.values()].sort(
    (a, b) =>
      PROTOCOLS.indexOf(a.protocol) - PROTOCOLS.indexOf(b.protocol) ||
      METHODS.indexOf(a.method) - METHODS.indexOf(b.method) ||
      REPRESENTATIONS.indexOf(a.representation) - REPRESENTATIONS.indexOf(b.representation) ||
      ROLES.indexOf(a.role) - ROLES.indexOf(b.role) ||
      CONTROLS.indexOf(a.control) - CONTROLS.indexOf(b.control),
  );
  for (const cell of sorted) cell.runs.sort((a, b) => a.seed - b.seed || (a.triples < b.triples ? -1 : 1));
  requireSameTriples(sorted);
  return sorted;
}

function predictedOf({ rows }: ProbeFile, { predictions }: Fit, calibrated: number[]) {
  const { word, value } = rows;
  return { word, calibrated, odds: predictions, positive: value.map((v) => v > 0) };
}

function requireFormat({ format, role, method }: ProbeFile): void {
  if (format === 3) return;
  throw new ComputeError('bad-data', `the ${role} ${method} probe has format ${format}, not 3`, {
    hint: 'fit the probes again',
  });
}

function requireSameTriples(cells: readonly Cell[]): void {
  const setOf = (cell: Cell) => cell.runs.map((run) => run.triples).join();
  const [first] = cells;
  const other = cells.find((cell) => setOf(cell) !== setOf(first as Cell));
  if (first && other) {
    throw new ComputeError(
      'bad-parameter',
      `the ${first.role} and the ${other.role} probes (${other.method}, ${other.protocol}) were read on different triples or seeds`,
      { hint: 'fit all probes on the same `triples`, for the same seeds' },
    );
  }
}

export const cellName = ({ role, representation, method, protocol, control }: Cell): string =>
  [protocol, method, representation, role, control].join(' ');

export function findCell(cells: readonly Cell[], wanted: Partial<Cell>): Cell | undefined {
  return cells.find((cell) =>
    (Object.keys(wanted) as (keyof Cell)[]).every((key) => cell[key] === wanted[key]),
  );
}
