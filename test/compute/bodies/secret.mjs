// Tries to give a secret away.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export async function run(job) {
  const secret = process.env.TEST_TOKEN;
  const url = `https://example.org/?key=${encodeURIComponent(secret)}`;
  switch (job.params.by) {
    case 'message':
      throw Object.assign(new Error(`401 for ${secret} at ${url}`), {
        name: 'ComputeError',
        code: 'refused',
        options: { hint: `check ${secret}` },
      });
    case 'log':
      job.log(`calling ${url}`);
      process.stderr.write(`Authorization: Bearer ${secret}\n`);
      return { outputs: { text: 'fine' }, metrics: {} };
    case 'output':
      return { outputs: { text: `it is ${secret}` }, metrics: {} };
    case 'state':
      writeFileSync(join(job.durableDirectory, 'note'), 'kept');
      return { outputs: { text: String(secret === undefined) }, metrics: {} };
  }
}
