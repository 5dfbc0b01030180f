/** How a compute child is killed; `at` is a step from 0, or the number of steps that a checkpoint holds. */
export interface Kill {
  how:
    | 'after a step' // its result is in memory, in no checkpoint
    | 'within a step' // somewhere in its computing
    | 'writing tensors' // a part of state.safetensors is out
    | 'writing the rest' // state.safetensors is out, state.json is not
    | 'being stored'; // the parent has begun to store the complete checkpoint
  at: number;
}

export const inWords = ({ how, at }: Kill): string =>
  how.endsWith('a step') ? `${how.replace('a step', 'step')} ${at}` : `checkpoint ${at} ${how}`;

/** One kill of every sort over a run of so many steps, each beyond the checkpoint from which the one before goes on. */
export function killsFor(steps: number, every: number): Kill[] {
  const checkpoint = (share: number) => every * Math.floor((share * steps) / every);
  return [
    { how: 'after a step', at: Math.floor(0.37 * steps) },
    { how: 'within a step', at: Math.floor(0.58 * steps) },
    { how: 'writing tensors', at: checkpoint(0.7) },
    { how: 'writing the rest', at: checkpoint(0.8) },
    { how: 'being stored', at: checkpoint(0.9) },
  ];
}

/** Files by which a child and the process that kills it speak, in a directory of their own. */
export const FILES = {
  /** The Kill of this attempt, or null. */
  kill: 'kill.json',
  /** PID of the child. */
  child: 'child.json',
  /** { fifo? }: the child has come to the place. */
  ready: 'ready.json',
  /** A line for every step that was computed: what it logged. */
  trace: 'trace.jsonl',
};
