import { count } from '../diagnostics/count.ts';
import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import type { Totals } from '../estimate.ts';
import { child, type MapNode, textOf } from '../source/tree.ts';
import { memoryBytes } from './duration.ts';
import type { Dry } from './points.ts';
import type { StepSource } from './steps.ts';

const MIB = 2 ** 20;
/** Temporal refuses a payload above 2 MiB; the rest of an activity's input needs some of it. */
const LARGEST_PAYLOAD = 1.5 * MIB;
/** Temporal warns from here on. */
const LARGE_PAYLOAD = 256 * 1024;
/** The plan is in the first event of a run, beside other things; Temporal's limit for it is 2 MiB. */
const LARGEST_PLAN = 1_000_000;
/** Ids become parts of Temporal ids, of which 255 characters are safe on every database. */
const LONGEST_ID = 180;
const MOST_POINTS = 100_000;

export interface Machine {
  memoryBytes: number;
}

/** What would fail late, or cost more than it should, fails here. */
export function checkLimits(
  root: MapNode,
  /** Characters of the plan as JSON. */
  size: number,
  dry: ReadonlyMap<string, { source: StepSource; dry: Dry }>,
  total: Totals,
  machine: Machine | undefined,
  diagnostics: Diagnostics,
): void {
  const limits = child(root, 'limits');
  const stepsKey = root.entries.get('steps')!.key;
  const most = numberAt(limits, 'points') ?? MOST_POINTS;
  if (total.points > most) {
    diagnostics.error(
      'too-many-points',
      stepsKey,
      `This plan has ${count(total.points)} points; ${count(most)} are allowed.`,
      {
        path: ['steps'],
        hint: largest(dry),
      },
    );
  }
  if (size > LARGEST_PLAN) {
    diagnostics.error(
      'plan-too-large',
      stepsKey,
      `The plan is ${megabytes(size)}, and ${megabytes(LARGEST_PLAN)} can be submitted.`,
      {
        path: ['steps'],
        hint: 'Write steps that differ in a value as one step with a matrix.',
      },
    );
  }
  const memory = textOf(child(limits, 'memory'));
  for (const { source, dry: one } of dry.values()) {
    checkStep(source, one, memory === undefined ? undefined : memoryBytes(memory), machine, diagnostics);
  }
  checkSpend(root, total, diagnostics);
}

function checkStep(
  source: StepSource,
  dry: Dry,
  memory: number | undefined,
  machine: Machine | undefined,
  diagnostics: Diagnostics,
): void {
  const { key, path, id } = source;
  if (dry.longestId > LONGEST_ID) {
    diagnostics.error(
      'id-too-long',
      key,
      `Points of ${id} have names of ${dry.longestId} characters; ${LONGEST_ID} is the most.`,
      {
        path,
        hint: 'Shorten the names of the step and its axes, or give axes fewer.',
      },
    );
  }
  if (dry.payload > LARGEST_PAYLOAD) {
    diagnostics.error(
      'payload-too-large',
      key,
      `A point of ${id} is given ${megabytes(dry.payload)} of references; ${megabytes(LARGEST_PAYLOAD)} is the most.`,
      {
        path,
        hint: 'Let it take fewer artifacts: select some, or gather them in a step in between.',
      },
    );
  } else if (dry.payload > LARGE_PAYLOAD) {
    diagnostics.warning(
      'payload-too-large',
      key,
      `A point of ${id} is given ${megabytes(dry.payload)} of references.`,
      {
        path,
        hint: 'It works, but slows the run down: gather artifacts in a step in between.',
      },
    );
  }
  const needed = dry.estimate.memoryBytes;
  if (memory !== undefined && needed > memory) {
    diagnostics.error(
      'over-memory',
      key,
      `A point of ${id} needs about ${gigabytes(needed)}; limits.memory allows ${gigabytes(memory)}.`,
      { path },
    );
  } else if (machine && needed > machine.memoryBytes) {
    diagnostics.warning(
      'over-memory',
      key,
      `A point of ${id} needs about ${gigabytes(needed)}, and this machine has ${gigabytes(machine.memoryBytes)}.`,
      {
        path,
        hint: 'Run it on workers with more memory, or make batches smaller.',
      },
    );
  }
}

function checkSpend(root: MapNode, total: Totals, diagnostics: Diagnostics): void {
  const spend = child(child(root, 'limits'), 'spend');
  const limit = numberAt(child(root, 'limits'), 'spend');
  if (limit !== undefined && total.dollars > limit) {
    diagnostics.error(
      'over-spend',
      spend!.span,
      `Paid calls would cost up to ${dollars(total.dollars)}; limits.spend allows ${dollars(limit)}.`,
      {
        path: ['limits', 'spend'],
      },
    );
  } else if (limit === undefined && total.dollars > 0) {
    diagnostics.warning(
      'no-spend-limit',
      root.entries.get('steps')!.key,
      `Paid calls may cost up to ${dollars(total.dollars)}, and limits.spend is not set.`,
      {
        path: ['limits'],
        hint: `Add limits: { spend: ${Math.ceil(total.dollars)} }.`,
      },
    );
  }
}

function largest(dry: ReadonlyMap<string, { source: StepSource; dry: Dry }>): string {
  const counts = [...dry]
    .map(([id, { dry: one }]) => [one.estimate.points, id] as const)
    .sort(([a], [b]) => b - a);
  const [first] = counts;
  return `${first?.[1]} alone has ${count(first?.[0] ?? 0)}. Shorten its axes, or raise limits.points.`;
}

const numberAt = (node: ReturnType<typeof child>, key: string): number | undefined => {
  const found = child(node, key);
  return found?.kind === 'scalar' && typeof found.value === 'number' ? found.value : undefined;
};

const megabytes = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
const gigabytes = (bytes: number) =>
  bytes < 2 ** 29 ? `${Math.ceil(bytes / MIB)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
const dollars = (amount: number) => `$${amount.toFixed(2)}`;
