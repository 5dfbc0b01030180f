import { spawn } from 'node:child_process';
import { UserError } from '../errors.ts';
import { exportReport } from '../export-report.ts';
import { openStoreOnly } from '../session.ts';
import { whichRun } from '../which-run.ts';

/** `plumb report [RUN] [--open]`: writes the run's report beside the state and prints its path. */
export async function report(word: string | undefined, { open = false } = {}): Promise<number> {
  const { store, settings } = openStoreOnly();
  const run = await whichRun(store, word);
  const path = run.result && (await exportReport(store, settings.directory, run.id, run.result));
  if (!path) {
    throw new UserError(
      run.result ? `${run.id} made no report.` : `${run.id} has not ended yet.`,
      run.result
        ? 'Give the experiment a step that `uses: report`.'
        : `\`plumb watch ${run.id}\` follows it.`,
    );
  }
  process.stdout.write(`${path}\n`);
  if (open) openInBrowser(path);
  return 0;
}

function openInBrowser(path: string): void {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(opener, [path], { detached: true, stdio: 'ignore' });
  child.on('error', () => process.stderr.write(`${opener} is not here: open the file yourself.\n`));
  child.unref();
}
