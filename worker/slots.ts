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
}

/**
 * Heavy training (`gpu`) runs alone, beside as many lighter points as the cores carry: on two cores, one of each. Points
 * that talk to language models mostly wait, so more of them may be open, but they too compute only within `children`.
 * @param custom queues named by steps or by the operator, with their slots
 */
export function slotsOf(
  custom: Record<string, number> = {},
  env: NodeJS.ProcessEnv = process.env,
  cores: number = availableParallelism(),
): Slots {
  const threads = Number(env['TF_NUM_INTRAOP_THREADS']) || Math.min(cores, 4);
  const children = Math.max(2, Math.floor(cores / threads));
  const queues = { cpu: Math.max(1, children - 1), gpu: 1, label: 2 };
  return {
    threads,
    children,
    queues: {
      ...Object.fromEntries(Object.entries(queues).map(([name, slots]) => [taskQueue(name), slots])),
      ...custom,
    },
  };
}

/** `name` or `name=slots`, as the command line gives queues. */
export function parseQueue(text: string): [name: string, slots: number] {
  const [name = '', slots = '1'] = text.split('=');
  if (name === '' || !/^[1-9]\d*$/.test(slots)) {
    throw new Error(`--queue ${text}: give a name, or a name and its slots such as big-gpu=2.`);
  }
  return [name, Number(slots)];
}
