import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Plan } from '../compiler/plan/types.ts';
import type { Control, Progress, StepProgress } from './types.ts';

/** Updates of `experiment`. Each is refused with a reason, or answers with a sentence for people. */
export const pauseUpdate = defineUpdate<string>('pause');
export const resumeUpdate = defineUpdate<string>('resume');
export const cancelPointUpdate = defineUpdate<string, [point: string]>('cancelPoint');
export const retryPointUpdate = defineUpdate<string, [point: string]>('retryPoint');
export const setParallelismUpdate = defineUpdate<string, [points: number]>('setParallelism');

/** Queries: the plan of `experiment`; the progress of `experiment`, over all its steps, and of `sweep`, over its one. */
export const planQuery = defineQuery<Plan>('plan');
export const progressQuery = defineQuery<Progress>('progress');

/** `experiment` to its sweeps. */
export const controlSignal = defineSignal<[control: Control]>('control');
/** A sweep to its experiment, now and then. */
export const stepProgressSignal = defineSignal<[progress: StepProgress]>('stepProgress');
