import type { LoopState } from '../../compute/types.ts';
import type { DpoState } from '../../ml/preferences/dpo.ts';
import type { DpoMetrics } from '../../ml/preferences/dpo-metrics.ts';
import type { DpoStart } from '../../ml/preferences/dpo-start.ts';
import type { LogProbsOfPairs } from '../../ml/preferences/log-probs.ts';

/** All that the rest of a DPO run depends on, but its parameters. */
export interface DpoCheckpoint {
  trainer: DpoState;
  start: DpoStart;
  /** Of the whole run, which decide what `start` holds. */
  steps: number;
  history: DpoMetrics[];
}

type Before = NonNullable<DpoStart['heldOut']>['before'];

export function saveCheckpoint({ trainer, start, steps, history }: DpoCheckpoint): LoopState {
  return {
    tensors: {
      ...trainer.tensors,
      ...named('reference', start.reference),
      ...(start.heldOut && named('held-out-reference', start.heldOut.reference)),
    },
    json: {
      trainer: trainer.json,
      before: (start.heldOut?.before ?? null) as never,
      steps,
      history: history as never,
    },
  };
}

export function loadCheckpoint({ tensors, json }: LoopState): DpoCheckpoint {
  const { trainer, before, steps, history } = json as unknown as {
    trainer: DpoState['json'];
    before: Before | null;
    steps: number;
    history: DpoMetrics[];
  };
  const pick = (name: string): LogProbsOfPairs => ({
    chosen: tensors[`${name}/chosen`]?.data as Float32Array,
    rejected: tensors[`${name}/rejected`]?.data as Float32Array,
  });
  return {
    trainer: { tensors: tensors as DpoState['tensors'], json: trainer },
    start: {
      reference: pick('reference'),
      heldOut: before && { reference: pick('held-out-reference'), before },
    },
    steps,
    history,
  };
}

function named(name: string, { chosen, rejected }: LogProbsOfPairs): LoopState['tensors'] {
  const tensor = (data: Float32Array) => ({ dtype: 'F32' as const, shape: [data.length], data });
  return { [`${name}/chosen`]: tensor(chosen), [`${name}/rejected`]: tensor(rejected) };
}
