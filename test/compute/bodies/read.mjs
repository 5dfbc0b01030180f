// Reads its inputs: the text of a table's state, and what it is shown of the run.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export async function run(job) {
  const { table } = job.params;
  const text = table ? readFileSync(join(table.directory, 'state.json'), 'utf8') : '';
  const view = job.run
    ? {
        plan: job.run.plan,
        points: job.run.points.map((point) => ({
          ...point,
          record: point.record?.key ?? null,
          directories: Object.fromEntries(
            Object.entries(point.directories ?? {}).map(([name, path]) => [name, readdirSync(path).sort()]),
          ),
        })),
      }
    : null;
  return { outputs: { text, view, given: job.params.given }, metrics: {} };
}
