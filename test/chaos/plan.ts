import type { ParamTree, Plan, PlanStep } from '../../compiler/plan/types.ts';
import { axis, matrix, plan, ref, step } from '../workflows/support/plans.ts';

/** Steps between two checkpoints. */
export const INTERVAL = 5;

export interface Size {
  /** Points of one activity each, in one sweep. */
  walks: number;
  /** Points that are workflows of their own, an activity a segment. */
  trainings: number;
  steps: number;
  stepMs: number;
}

export const pointsOf = ({ walks, trainings }: Size): number => walks + trainings + 1;

/**
 * A sweep, trainings in segments, and a fan-in over both. Where it runs, how fast, and how often it was tried enter no key: so
 * the results of a disturbed run and of an undisturbed one have the same names.
 */
export function chaosPlan(name: string, size: Size, control: string): Plan {
  const common: Partial<PlanStep> = {
    kind: 'chaos.walk',
    primary: 'table',
    retry: { attempts: 20, backoffSeconds: 0.2 },
    timeoutSeconds: 300,
    stallSeconds: 60,
    checkpointEvery: INTERVAL,
    notInKey: ['control', 'stepMs'],
  };
  const params = (which: string): Record<string, ParamTree> => ({
    ...{ name, which, i: axis('i'), steps: size.steps, stepMs: size.stepMs, control },
  });
  return plan(name, [
    step('walk', { ...common, matrix: matrix(size.walks), params: params('walk') }),
    step('train', {
      ...{ ...common, matrix: matrix(size.trainings), params: params('train') },
      segment: { units: 2 * INTERVAL },
    }),
    step('all', {
      ...{
        ...common,
        kind: 'chaos.gather',
        needs: ['walk', 'train'],
        params: { name, values: [ref('walk'), ref('train')], control },
      },
    }),
  ]);
}
