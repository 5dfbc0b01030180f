// The step `run`: starts the changed experiments on the team's Temporal and leaves them to its workers.
import { addSummary, annotate, plumb } from './plumb.mjs';

for (const name of ['TEMPORAL_ADDRESS', 'PLUMBLINE_STORE']) {
  if (process.env[name]) continue;
  annotate('error', `${name} is not set: a run would end with this job. Give it to the step as env.`);
  process.exit(1);
}
const paid = process.env.SPEND === 'true' ? ['--yes'] : [];
for (const path of JSON.parse(process.env.CHANGED || '[]')) {
  const { code, stdout, stderr } = plumb(['run', '--detach', ...paid, path]);
  process.stdout.write(stdout);
  if (code === 0) {
    addSummary(`Started \`${path}\`:\n\n${stdout.replaceAll(/^/gm, '    ')}`);
    continue;
  }
  annotate('error', stderr.trim() || `plumb run ended with ${code}`, { file: path });
  process.exitCode = 1;
}
