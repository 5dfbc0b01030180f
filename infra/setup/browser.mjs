// A Chromium for the tests that look at pages: the web UI and the report. They are skipped without one, so its absence
// never stops set-up.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from './cache.mjs';
import { ask, run, which } from './command.mjs';
import { lastLines } from './failure.mjs';
import { fileStamp, readStamp, unchanged, writeStamp } from './stamps.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const APPLICATIONS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Whether the browser that was found is still in place, or none could be had and none has come. */
export function browserSettled(root) {
  const stamp = readStamp(root, 'browser');
  return stamp !== undefined && (stamp.none ? !installed() : unchanged(stamp));
}

/** @returns {Promise<string>} one line for the report */
export async function provideBrowser(root, { lock, doing, packagesReady }) {
  await packagesReady; // npm empties node_modules, and with it the stamps
  for (const find of [installed, fromDebian, fromPlaywright]) {
    const found = await find(root, { lock, doing });
    const version = found && ask(found, ['--version']);
    if (!version) continue;
    writeStamp(root, 'browser', { ...fileStamp(found), version });
    return version;
  }
  writeStamp(root, 'browser', { none: true });
  return 'none: tests of pages are skipped (install Chromium or Chrome, or name one in PLUMBLINE_BROWSER)';
}

const installed = () =>
  process.env.PLUMBLINE_BROWSER ??
  NAMES.map(which).find((path) => path !== undefined) ??
  APPLICATIONS.find((path) => existsSync(path));

/** Root on Debian is a container, whose packages are ours to choose; a person's machine is not. */
async function fromDebian(_root, { lock, doing }) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || !which('apt-get')) return undefined;
  doing('installing the chromium package');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env, lock });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env, lock });
  return which('chromium');
}

async function fromPlaywright(root, { lock, doing }) {
  doing('downloading a headless Chromium');
  const env = { ...process.env, PLAYWRIGHT_BROWSERS_PATH: join(cacheDirectory(), 'browsers') };
  const cli = join(root, 'node_modules/playwright-core/cli.js');
  const { code, output } = await run(process.execPath, [cli, 'install', '--only-shell', 'chromium'], {
    env,
    lock,
  });
  if (code !== 0) {
    doing(lastLines(output, 1));
    return undefined;
  }
  const path = ask(
    process.execPath,
    ['-e', "process.stdout.write(require('playwright-core').chromium.executablePath())"],
    { cwd: root, env },
  );
  return path && existsSync(path) ? path : undefined;
}
