// node_modules as package-lock.json says, by `npm ci`, when it is not so already.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSpace } from './cache.mjs';
import { run } from './command.mjs';
import { noNetwork, recognise, SetupFailure } from './failure.mjs';
import { readStamp, writeStamp } from './stamps.mjs';

const lockText = (root) => readFileSync(join(root, 'package-lock.json'), 'utf8');
const hash = (text) => createHash('sha256').update(text).digest('hex');

/** Whether npm's own record of what it installed agrees with package-lock.json (somebody may have run npm by hand). */
function isInstalled(root, text) {
  try {
    const have = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(JSON.parse(text).packages).every(([path, { version, optional, os, cpu, libc }]) => {
      if (path === '') return true;
      const foreign = (os && !os.includes(process.platform)) || (cpu && !cpu.includes(process.arch)) || libc;
      if (optional && (foreign || !os)) return true;
      return have[path]?.version === version && existsSync(join(root, path, 'package.json'));
    });
  } catch {
    return false;
  }
}

/** Whether the packages are in place; quick when the stamp of the last set-up still holds. */
export function packagesCurrent(root) {
  const text = lockText(root);
  if (
    readStamp(root, 'packages')?.lock === hash(text) &&
    existsSync(join(root, 'node_modules', '.package-lock.json'))
  )
    return true;
  if (!isInstalled(root, text)) return false;
  writeStamp(root, 'packages', { lock: hash(text) });
  return true;
}

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

/** The npm that runs us, if one does. */
function npmCommand(args) {
  const own = process.env.npm_execpath?.endsWith('npm-cli.js') ? process.env.npm_execpath : undefined;
  return own ? [process.execPath, [own, ...args, ...QUIET]] : ['npm', [...args, ...QUIET]];
}

/** Runs npm to its end; `what` names for a failure what it fetches. */
export async function npm(args, root, what, lock) {
  const offline = await unreachable(root);
  // npm retries each package for itself, which takes minutes; but all of them may be in its cache.
  const { code, output } = await run(...npmCommand(offline ? [...args, '--offline'] : args), {
    cwd: root,
    lock,
  });
  if (code === 0) return;
  const failure = offline ? noNetwork(what, offline) : recognise(output, what, root);
  if (failure) throw failure;
  const detail = firstErrors(output);
  if (output.includes('EUSAGE') && output.includes('in sync'))
    throw new SetupFailure('package.json and package-lock.json disagree.', 'npm install && npm run setup', {
      detail,
    });
  throw new SetupFailure(`npm ${args[0]} failed.`, 'mend what npm says above, then: npm run setup', {
    detail,
  });
}

/** What npm says when it cannot reach its registry at all; undefined when it can (or the registry knows no ping). */
async function unreachable(root) {
  const { code, output } = await run(...npmCommand(['ping', '--fetch-retries=0']), { cwd: root });
  return code !== 0 && recognise(output, 'the packages', root)?.kind === 'network'
    ? firstErrors(output)
    : undefined;
}

/** npm says first what is wrong, and then how it is used. */
const firstErrors = (output) =>
  output
    .split('\n')
    .filter((line) => /^npm error \S/.test(line))
    .filter((line) => !line.includes('A complete log of this run'))
    .slice(0, 8)
    .join('\n');

/** @returns {Promise<string | undefined>} one line for the report; undefined when nothing was to be done */
export async function providePackages(root, { lock, doing }) {
  if (packagesCurrent(root)) return undefined;
  await demandSpace(root, 800);
  doing('npm ci');
  await npm(['ci', '--ignore-scripts', '--include=dev', '--include=optional'], root, 'the packages', lock);
  writeStamp(root, 'packages', { lock: hash(lockText(root)) });
  const installed = JSON.parse(
    readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8'),
  ).packages;
  return `${Object.keys(installed).length} packages, as package-lock.json says`;
}
