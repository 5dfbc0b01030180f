import type { Client } from '@temporalio/client';
import type { Plan } from '../compiler/plan/types.ts';
import { WORKFLOW_QUEUE } from '../worker/slots.ts';
import { taskQueue } from '../workflows/execution.ts';

/** temporal.api.enums.v1.TaskQueueType */
const WORKFLOW = 1;
const ACTIVITY = 2;

/** On a server of others, workers are started apart; without them a run would wait without a word. */
export async function warnOfMissingWorkers(
  client: Client,
  plan: Plan,
  say: (line: string) => void,
): Promise<void> {
  const queues = [...new Set(plan.steps.map(({ queue }) => taskQueue(queue)))];
  const wanted = [[WORKFLOW_QUEUE, WORKFLOW] as const, ...queues.map((queue) => [queue, ACTIVITY] as const)];
  for (const [name, taskQueueType] of wanted) {
    const { namespace } = client.options;
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType,
    });
    if ((pollers ?? []).length > 0) continue;
    const flag = name.startsWith('plumb-') ? '' : ` --queue ${name}`;
    say(`No worker takes work from ${name} yet: \`plumb worker${flag}\` starts one.`);
  }
}
