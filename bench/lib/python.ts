import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A Python with the peers: `PLUMBLINE_BENCH_PYTHON` where it is set, else a virtual environment in the cache, made on first
 * use with these versions.
 */
const PACKAGES = ['torch==2.15.0', 'transformers==5.17.0', 'safetensors', 'numpy'];

/** @param also further packages, `name==version`, that are installed when they are missing */
export function peerPython(cache: string, say: (line: string) => void, also: readonly string[] = []): string {
  const given = process.env.PLUMBLINE_BENCH_PYTHON;
  if (given) return given;
  const directory = join(cache, 'bench-python');
  const python = join(directory, 'bin', 'python');
  const has = (modules: readonly string[]) =>
    spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0;
  const missing = () => also.filter((name) => !has([name.split('==')[0] as string]));
  if (existsSync(python) && has(['torch', 'transformers'])) {
    const wanted = missing();
    if (wanted.length > 0) {
      say(`adding ${wanted.join(', ')} to ${directory}`);
      run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES, ...wanted]);
    }
    return python;
  }
  const packages = [...PACKAGES, ...also];
  say(`making ${directory} with ${packages.join(', ')}`);
  run('python3', ['-m', 'venv', directory]);
  run(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
  return python;
}

/**
 * A Python with `packages` besides those of `peerPython`: an environment of its own in the cache, in which they come before
 * the others, so that a peer may need an older version of one of them.
 */
export function furtherPython(
  cache: string,
  name: string,
  packages: readonly string[],
  say: (line: string) => void,
): string {
  const base = peerPython(cache, say);
  const directory = join(cache, `bench-python-${name}`);
  const python = join(directory, 'bin', 'python');
  const complete = join(directory, 'complete');
  if (existsSync(complete) && readFileSync(complete, 'utf8') === packages.join('\n')) return python;
  say(`making ${directory} with ${packages.join(', ')}`);
  run('python3', ['-m', 'venv', '--clear', directory]);
  writeFileSync(join(sitePackages(python), 'zz-peers.pth'), `${sitePackages(base)}\n`);
  run(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
  writeFileSync(complete, packages.join('\n'));
  return python;
}

function sitePackages(python: string): string {
  const code = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  const { stdout, status } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${python} does not run`);
  return stdout.trim();
}

function run(program: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(
    `${program} ${args.join(' ')} failed: ${error?.message ?? stderr.slice(-2000)}\n` +
      'Or name a Python that has torch and transformers: PLUMBLINE_BENCH_PYTHON=/path/to/python',
  );
}
