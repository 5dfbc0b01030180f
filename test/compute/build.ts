import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

const scratch = join(tmpdir(), 'plumbline-tests');

/** A directory that the next run of the tests removes, so that one can look into it when they fail. */
export function temporaryDirectory(name: string): string {
  const own = join(scratch, String(process.pid));
  if (!existsSync(own)) {
    mkdirSync(own, { recursive: true });
    for (const pid of readdirSync(scratch)) {
      if (!isAlive(Number(pid))) rmSync(join(scratch, pid), { recursive: true, force: true });
    }
  }
  return realpathSync(mkdtempSync(join(own, `${name}-`)));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function bodyPath(name: string): string {
  return fileURLToPath(new URL(`./bodies/${name}.mjs`, import.meta.url));
}

/** Builds compute/child.ts as the real build does, into `dist/compute/child.js`. */
export async function buildChild(dist = temporaryDirectory('dist')): Promise<string> {
  mkdirSync(join(dist, 'activities', 'kinds'), { recursive: true });
  writeFileSync(join(dist, 'package.json'), '{"type":"module"}');
  await build({
    absWorkingDir: root,
    entryPoints: ['compute/child.ts'],
    outbase: '.',
    outdir: dist,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['@tensorflow/*'],
    define: { 'import.meta.url': JSON.stringify(`file://${root}ml/engine/engine.ts`) },
    banner: {
      js: "import { createRequire as __r } from 'node:module'; const require = __r(process.argv[1]);",
    },
    logLevel: 'error',
  });
  return join(dist, 'compute', 'child.js');
}
