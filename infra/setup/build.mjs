// The build: generated schemas, then dist/. Each part is skipped when its sources have not changed.
//
//   node infra/setup/build.mjs
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundle, distDigest, programsOf } from './bundle.mjs';
import { lockFile } from './cache.mjs';
import { SetupFailure } from './failure.mjs';
import { withLock } from './lock.mjs';
import { createReport } from './report.mjs';
import { generate } from './schemas.mjs';
import { bundleWorkflows, WORKFLOW_BUNDLE, workflowDigest, workflowsPresent } from './workflow-bundle.mjs';

const stampFile = (root) => join(root, 'dist', '.build.json');

function readBuilt(root) {
  try {
    return JSON.parse(readFileSync(stampFile(root), 'utf8'));
  } catch {
    return {};
  }
}

function writeBuilt(root, built) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(`${stampFile(root)}.${process.pid}`, JSON.stringify(built));
  renameSync(`${stampFile(root)}.${process.pid}`, stampFile(root));
}

const buildLock = (root) => lockFile(`build-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);

/**
 * Builds what has changed.
 * @returns {Promise<string | undefined>} one line for the report; undefined when all was up to date
 */
export async function build(root, { doing } = {}) {
  return withLock(buildLock(root), () => buildLocked(root, doing));
}

/** Builds only what the schemas generate: what the tests need, which run the sources themselves. */
export const buildSchemas = (root) => withLock(buildLock(root), () => generate(root));

async function buildLocked(root, doing) {
  const built = readBuilt(root);
  const done = [];
  /** Does one part of the build, unless it was made from the same sources before and is still there. */
  const part = async (what, digest, outputs, work) => {
    if (built[what] === digest && outputs.every((file) => existsSync(join(root, file)))) return;
    doing?.(what);
    await work();
    built[what] = digest;
    writeBuilt(root, built);
    done.push(what);
  };
  try {
    doing?.('schemas');
    if (await generate(root)) done.push('schemas');
    const programs = programsOf(root).map((file) => join('dist', file.replace(/\.ts$/, '.js')));
    await part('programs', distDigest(root), programs, async () => {
      await bundle(root);
      await warmUp(root);
    });
    // The workflow code is a part of what the programs are made from: when that is unchanged, so is this.
    if (
      workflowsPresent(root) &&
      !(built.workflowsFor === built.programs && existsSync(join(root, WORKFLOW_BUNDLE)))
    ) {
      await part('workflow bundle', await workflowDigest(root), [WORKFLOW_BUNDLE], () =>
        bundleWorkflows(root),
      );
      built.workflowsFor = built.programs;
      writeBuilt(root, built);
    }
  } catch (error) {
    if (error.code === 'ENOSPC') throw error;
    const detail = error.errors?.map(({ text, location: at }) =>
      at ? `${at.file}:${at.line}:${at.column + 1}: ${text}` : text,
    );
    throw new SetupFailure('The build failed.', 'mend the source named above, then: npm run build', {
      detail: detail?.join('\n') ?? error.message,
    });
  }
  return done.length > 0 ? `built ${done.join(', ')}` : undefined;
}

/**
 * Lets `plumb validate` leave its code cache (cli/code-cache.ts) as checking many files makes it: the first file of a user
 * may not get far, and later starts would compile again what it did not reach. Without it starts are slower, nothing else.
 */
async function warmUp(root) {
  const specs = join(root, 'specs');
  if (!existsSync(specs)) return;
  await promisify(execFile)(process.execPath, [join(root, 'dist/cli/main.cjs'), 'validate', specs]).catch(
    () => undefined,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const report = createReport();
  try {
    await report.step('build', (doing) =>
      build(fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, ''), { doing }),
    );
    report.finish('build');
  } catch (error) {
    report.fail(error, 'build');
    process.exitCode = 1;
  }
}
