// The order of set-up: what can be fetched at the same time is.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browserSettled, provideBrowser } from './browser.mjs';
import { lockFile } from './cache.mjs';
import { deployToolsSettled, provideDeployTools } from './deploytools.mjs';
import { noSpace, SetupFailure } from './failure.mjs';
import { withLock } from './lock.mjs';
import { packagesCurrent, providePackages } from './packages.mjs';
import { createReport } from './report.mjs';
import { provideS3Server, s3ServerSettled } from './s3server.mjs';
import { currentTemporal, provideTemporal } from './temporal.mjs';
import { currentEngine, engineWarning, provideTensorflow } from './tensorflow.mjs';
import { currentTestServer, provideTestServer } from './testserver.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * @param {string[]} args `--for test` provides what only the tests need; `--again` tries everything anew; `--no-build`
 *   leaves the build to infra/setup/build.mjs, for an image whose layers come before the sources
 * @returns {Promise<number>} the exit code
 */
export async function setup(args, root = ROOT) {
  const report = createReport();
  try {
    const wants = { tests: args.includes('--for') && args[args.indexOf('--for') + 1] === 'test' };
    if (args.includes('--again'))
      rmSync(join(root, 'node_modules', '.plumbline'), { recursive: true, force: true });
    if (!complete(root, wants)) {
      const name = `clone-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`;
      const waiting = (pid) => report.warn(`waiting for another set-up of this folder (process ${pid})`);
      await withLock(lockFile(name), (lock) => provideAll(root, wants, lock, report), waiting);
    }
    const warning = engineWarning(root);
    if (warning) report.warn(warning);
    if (!args.includes('--no-build')) {
      // Needs the packages, which were not there at the start.
      const { build } = await import('./build.mjs');
      await report.step('build', (doing) => build(root, { doing }));
    }
    report.finish();
    return 0;
  } catch (error) {
    report.fail(asFailure(error, root));
    return 1;
  }
}

const complete = (root, { tests }) =>
  packagesCurrent(root) &&
  currentEngine(root) &&
  currentTemporal(root) &&
  (!tests ||
    (currentTestServer(root) && browserSettled(root) && s3ServerSettled(root) && deployToolsSettled(root)));

async function provideAll(root, wants, lock, report) {
  const packages = report.step('packages', (doing) => providePackages(root, { lock, doing }));
  const engine = report.step('TensorFlow', async (doing) => {
    // npm empties node_modules, and with it the links to the libraries.
    if (packagesCurrent(root) && currentEngine(root)) return undefined;
    return provideTensorflow(root, { lock, doing, warn: report.warn, packagesReady: packages });
  });
  const temporal = report.step('Temporal', async (doing) => {
    if (currentTemporal(root)) return undefined;
    return provideTemporal(root, { lock, doing, packagesReady: packages });
  });
  const testServer = report.step('test server', async (doing) => {
    if (!wants.tests || currentTestServer(root)) return undefined;
    return provideTestServer(root, { lock, doing, packagesReady: packages });
  });
  const browser = report.step('browser', async (doing) => {
    if (!wants.tests || browserSettled(root)) return undefined;
    return provideBrowser(root, { lock, doing, packagesReady: packages });
  });
  const s3Server = report.step('S3 server', async (doing) => {
    if (!wants.tests || s3ServerSettled(root)) return undefined;
    return provideS3Server(root, { lock, doing, packagesReady: packages });
  });
  const deployTools = report.step('deploy tools', async (doing) => {
    if (!wants.tests || deployToolsSettled(root)) return undefined;
    return provideDeployTools(root, { lock, doing, packagesReady: packages });
  });
  // All are let finish: what one of them fetched is kept for the next try, and the first failure is the one to tell.
  const all = [packages, engine, temporal, testServer, browser, s3Server, deployTools];
  const results = await Promise.allSettled(all);
  const failures = results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
  if (failures.length > 0) throw failures.find((each) => each.kind === 'tool') ?? failures[0];
}

function asFailure(error, root) {
  if (error instanceof SetupFailure) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return noSpace(error.path ?? root);
  if (error.code === 'EACCES' || error.code === 'EROFS')
    return new SetupFailure(
      `No permission to write ${error.path}.`,
      `make it writable (sudo chown -R "$USER" ${error.path}), or choose another place: PLUMBLINE_CACHE=/path npm run setup`,
    );
  return new SetupFailure(error.message, 'npm run setup -- --again', { detail: error.stack });
}
