// A fan-in: one digest over every file of every artifact that it is given, in their order.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reach, record } from './record.mjs';

export async function run(job) {
  const { values, control } = job.params;
  record(control, job.point, 0);
  const hash = createHash('sha256');
  for (const { directory } of values.flat())
    for (const name of readdirSync(directory).sort()) hash.update(readFileSync(join(directory, name)));
  reach(control, 'in-fan-in');
  const table = job.artifact('table', 'gathered');
  writeFileSync(join(table.directory, 'digest.txt'), hash.digest('hex'));
  return { outputs: { table, count: values.flat().length }, metrics: {} };
}
