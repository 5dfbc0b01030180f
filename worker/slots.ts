import { availableParallelism } from 'node:os';
import { taskQueue } from '../workflows/execution.ts';

export const WORKFLOW_QUEUE = 'plumb-workflow';

/** How much a host computes at once. */
export interface Slots {
  /** Intra-op threads of one compute child. Results depend on it bit by bit. */
  threads: number;
  /** Compute children at the same time, over all queues. */
  children: number;
  /** Task queue -> activities taken from it at the same time. */
  queues: Record<string, number>;
  /** Whether it serves the workflows, too; absent: yes. */
  workflows?: boolean;
}

/** Which queues a host serves: `add` beyond the usual ones, or `only` those; null: as many slots as usual. */
export interface QueueWish {
  add?: Record<string, number>;
  only?: Record<string, number | null>;
}

/**
 * Heavy training (`gpu`) runs alone, beside as many lighter points as the cores carry: on two cores, one of each. Points
 * that talk to language models mostly wait, so more of them may be open, but they too compute only within `children`.
 */
export function slotsOf(
  { add = {}, only }: QueueWish = {},
  env: NodeJS.ProcessEnv = process.env,
  cores: number = availableParallelism(),
): Slots {
  const threads = Number(env['TF_NUM_INTRAOP_THREADS']) || Math.min(cores, 4);
  const children = Math.max(2, Math.floor(cores / threads));
  const usual: Record<string, number> = { cpu: Math.max(1, children - 1), gpu: 1, label: 2 };
  const queues = Object.entries<number | null>(only ?? usual).filter(([name]) => name !== 'workflow');
  // An operator who gives queues more slots than the cores would carry means it.
  const asked = queues.reduce((sum, [name, slots]) => sum + (name === 'label' ? 0 : (slots ?? 0)), 0);
  return {
    threads,
    children: only ? Math.max(children, asked) : children,
    queues: {
      ...Object.fromEntries(queues.map(([name, slots]) => [taskQueue(name), slots ?? usual[name] ?? 1])),
      ...add,
    },
    workflows: only === undefined || 'workflow' in only,
  };
}

/** `name` or `name=slots`, as `--queue` gives a queue. */
export function parseQueue(text: string): [name: string, slots: number] {
  const [name, slots] = nameAndSlots('--queue', text);
  return [name, slots ?? 1];
}

/** `gpu,cpu=2,workflow`, as `--queues` gives the only queues that a worker shall serve. */
export function parseQueues(text: string): Record<string, number | null> {
  const queues = text.split(',').map((part) => nameAndSlots('--queues', part.trim()));
  const names = queues.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`--queues ${text}: ${twice} is there twice.`);
  return Object.fromEntries(queues);
}

function nameAndSlots(flag: string, text: string): [name: string, slots: number | null] {
  const [name = '', slots, more] = text.split('=');
  if (name === '' || more !== undefined || (slots !== undefined && !/^[1-9]\d*$/.test(slots))) {
    throw new Error(`${flag} ${text}: give a name, or a name and its slots such as big-gpu=2.`);
  }
  return [name, slots === undefined ? null : Number(slots)];
}
