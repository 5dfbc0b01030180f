// The S3 server of the tests: versitygw, which serves a directory. There is no download of it that could be pinned, so it is
// built with Go. The tests that need it are skipped without one, so its absence never stops set-up.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, demandSpace, provide } from './cache.mjs';
import { ask, run, which } from './command.mjs';
import { lastLines, SetupFailure } from './failure.mjs';
import { bothLocks } from './lock.mjs';
import { host } from './machine.mjs';
import { fileStamp, readStamp, unchanged, writeStamp } from './stamps.mjs';
import { S3_SERVER } from './versions.mjs';

const GO_MODULE = fileURLToPath(new URL('../s3-server', import.meta.url));
const MEGABYTES = 2500;

/** Whether the server that was built is still in place, or none could be and Go has not come since. */
export function s3ServerSettled(root) {
  const stamp = readStamp(root, 's3-server');
  if (stamp?.wanted !== S3_SERVER) return false;
  return stamp.none ? !which('go') : unchanged(stamp);
}

/** @returns {Promise<string>} one line for the report */
export async function provideS3Server(root, { lock, doing, packagesReady }) {
  try {
    const entry = await provide(
      `versitygw-${S3_SERVER}-${host}`,
      (stage, own) => fromGo(join(stage, 'versitygw'), { locks: bothLocks(own, lock), doing }),
      (pid) => doing(`waiting for another set-up (process ${pid})`),
    );
    const path = join(entry.path, 'versitygw');
    if (!ask(path, ['--version']))
      throw new SetupFailure(`${path} does not run.`, `rm -rf ${entry.path} && npm run setup -- --for test`);
    await packagesReady; // npm empties node_modules, and with it the stamps
    writeStamp(root, 's3-server', { ...fileStamp(path), wanted: S3_SERVER });
    return `versitygw ${S3_SERVER} (${entry.made ? 'built with Go' : 'from the cache'})`;
  } catch (error) {
    if (!(error instanceof SetupFailure) || error.kind === 'disk') throw error;
    await packagesReady;
    writeStamp(root, 's3-server', { none: true, wanted: S3_SERVER });
    return `none: tests of S3 stores are skipped (${error.message})`;
  }
}

async function fromGo(target, { locks, doing }) {
  const go = which('go');
  if (!go) throw new SetupFailure('Go, which builds versitygw, is missing', 'install Go; npm run setup');
  await demandSpace(cacheDirectory(), MEGABYTES);
  doing('building versitygw with Go (some minutes)');
  const flags = ['-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', target];
  const { code, output } = await run(
    go,
    ['build', '-C', GO_MODULE, ...flags, 'github.com/versity/versitygw/cmd/versitygw'],
    { lock: locks },
  );
  if (code !== 0)
    throw new SetupFailure('Go could not build versitygw', 'npm run setup -- --for test', {
      detail: lastLines(output, 4),
    });
}
