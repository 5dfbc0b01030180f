import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { type Compiled, compile } from '../compiler/compile.ts';
import type { Code } from '../compiler/diagnostics/codes.ts';
import { totals } from '../compiler/estimate.ts';

export interface CompileFileOptions {
  /** `--set name=value`. */
  set?: Readonly<Record<string, string>>;
  /**
   * `check` leaves local files unread and lets inputs without a value pass; `run` makes the plan that will run: every input
   * has a value and every local file its fingerprint.
   */
  for: 'check' | 'run';
  /** A plan that is only checked gets its digests only where they are shown. */
  digests?: boolean;
}

/** Compiles a file of this machine. Problems of reading it are diagnostics as well. */
export async function compileFile(path: string, options: CompileFileOptions): Promise<Compiled> {
  const bytes = read(path);
  if (!(bytes instanceof Uint8Array)) return unreadable(path, bytes);
  const compiled = compile(path, bytes, {
    ...(options.set && { set: options.set }),
    requireInputs: options.for === 'run',
    read: (other) => {
      const found = read(other);
      return found instanceof Uint8Array ? found : null;
    },
    fingerprint: (local) => {
      const absolute = resolve(local);
      return existsSync(absolute) ? { path: absolute, sha256: NOT_READ } : null;
    },
    mayRun: (local) => outside(local, path),
    ...(options.for === 'run' && { machine: { memoryBytes: totalmem() } }),
  });
  const { plan } = compiled;
  if (plan && options.for === 'run' && Object.keys(plan.paths).length > 0) {
    const { fingerprintPath } = await import('../store/fingerprint.ts');
    for (const local of Object.values(plan.paths)) local.sha256 = await fingerprintPath(local.path);
  }
  if (options.for === 'run' || options.digests) (await import('../compiler/seal.ts')).seal(compiled);
  return compiled;
}

const NOT_READ = '0'.repeat(64);

/** Where code of an experiment must lie, when `local` lies elsewhere (links followed): its git repository, else its folder. */
function outside(local: string, experiment: string): { below: string } | null {
  if (!existsSync(local)) return null;
  const folder = dirname(realpathSync(resolve(experiment)));
  let at = folder;
  while (!existsSync(join(at, '.git')) && dirname(at) !== at) at = dirname(at);
  const root = existsSync(join(at, '.git')) ? at : folder;
  return realpathSync(local).startsWith(root.endsWith(sep) ? root : root + sep) ? null : { below: root };
}

interface Unreadable {
  code: Code;
  message: string;
  hint?: string;
}

function read(path: string): Uint8Array | Unreadable {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { code: 'missing-file', message: 'There is no such file.' };
    if (code === 'EISDIR') {
      return {
        code: 'is-directory',
        message: 'This is a directory, not a file.',
        hint: `Check all files in it: plumb validate ${path}`,
      };
    }
    if (code === 'EACCES')
      return { code: 'unreadable', message: 'This file cannot be read: permission denied.' };
    return { code: 'unreadable', message: `This file cannot be read: ${message}` };
  }
}

/** A file that gave nothing to compile. */
export function unreadable(file: string, problem: Unreadable): Compiled {
  return {
    plan: null,
    sources: new Map(),
    estimates: new Map(),
    total: totals([]),
    diagnostics: [
      { ...problem, severity: 'error', file, line: 1, column: 1, end: { line: 1, column: 1 }, path: '' },
    ],
  };
}
