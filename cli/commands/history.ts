import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStoreOnly, withSession } from '../session.ts';
import { whichRun } from '../which-run.ts';

/**
 * `plumb history export [RUN] [--output DIR]`: the Temporal histories of a run and its children as proto-JSON, the form that
 * replays (`JSON.stringify` of a fetched history does not).
 */
export async function exportHistory(
  word: string | undefined,
  { output = 'histories' }: { output?: string } = {},
): Promise<number> {
  const { store } = openStoreOnly();
  const { id } = await whichRun(store, word);
  return await withSession({ start: true, brief: true }, async ({ client }) => {
    const { historyToJSON } = await import('@temporalio/common/lib/proto-utils.js');
    mkdirSync(output, { recursive: true });
    // Temporal's query language: the run itself, and what it started.
    const query = `WorkflowId = "${id}" OR WorkflowId STARTS_WITH "${id}/"`;
    let count = 0;
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const name = `${workflowId}.${runId.slice(0, 8)}`.replaceAll(/[^\w.=,[\]-]/g, '_');
      writeFileSync(join(output, `${name}.json`), `${historyToJSON(history)}\n`);
      count += 1;
    }
    process.stdout.write(`${count} histories of ${id} in ${output}/\n`);
    return 0;
  });
}
