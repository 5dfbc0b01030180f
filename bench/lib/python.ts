import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A Python with the peers: `PLUMBLINE_BENCH_PYTHON` where it is set, else a virtual environment in the cache, made on first
 * use with these versions.
 */
const PACKAGES = ['torch==2.15.0', 'transformers==5.17.0', 'safetensors', 'numpy'];

export function peerPython(cache: string, say: (line: string) => void): string {
  const given = process.env.PLUMBLINE_BENCH_PYTHON;
  if (given) return given;
  const directory = join(cache, 'bench-python');
  const python = join(directory, 'bin', 'python');
  const works = () => spawnSync(python, ['-c', 'import torch, transformers']).status === 0;
  if (existsSync(python) && works()) return python;
  say(`making ${directory} with ${PACKAGES.join(', ')}`);
  run('python3', ['-m', 'venv', directory]);
  run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES]);
  return python;
}

function run(program: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(
    `${program} ${args.join(' ')} failed: ${error?.message ?? stderr.slice(-2000)}\n` +
      'Or name a Python that has torch and transformers: PLUMBLINE_BENCH_PYTHON=/path/to/python',
  );
}
