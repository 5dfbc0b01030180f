/**
 * Workflow code that a careless change has broken: the experiment waits before it begins, which no recorded history did.
 * Its replay must fail, or the replay tests prove nothing.
 */
import { sleep } from '@temporalio/workflow';
import { experiment as real } from '../../../workflows/experiment.ts';
import type { ExperimentPosition } from '../../../workflows/interpreter.ts';
import type { ExperimentInput } from '../../../workflows/types.ts';

export async function experiment(input: ExperimentInput, position?: ExperimentPosition) {
  await sleep('1 second');
  return await real(input, position);
}
