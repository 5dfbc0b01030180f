import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { engineStamp } from '../../ml/engine/engine.ts';
import type { Finding } from './finding.ts';
import { bad, ok } from './finding.ts';
import { ask } from './program.ts';

/** What `infra/setup/tensorflow-check.cjs` prints. */
interface EngineCheck {
  version: string;
  gpu: boolean;
  milliseconds: number;
}

/**
 * Loads the engine in a child process (a broken library may crash it) and multiplies two matrices there.
 * @param root directory of the project
 */
export async function engineFinding(root: string): Promise<Finding> {
  const name = 'engine';
  const stamp = engineStamp();
  if (!stamp) return bad('error', name, 'set-up has not run in this folder', 'npm run setup');
  if (stamp.backend === 'wasm') {
    return bad(
      'warning',
      name,
      `WebAssembly ${stamp.version}: about 10 times slower than native TensorFlow`,
      'see why native TensorFlow is not there: npm run setup -- --again',
      { backend: 'wasm', version: stamp.version },
    );
  }
  const script = join(root, 'infra', 'setup', 'tensorflow-check.cjs');
  const { ok: loaded, output, error } = await ask(process.execPath, [script], root, 60_000);
  if (!loaded) {
    const last = error.split('\n').at(-1) ?? '';
    return bad('error', name, `native TensorFlow does not load: ${last}`, 'npm run setup -- --again');
  }
  const check = JSON.parse(output.split('\n').at(-1) ?? '') as EngineCheck;
  const cores = availableParallelism();
  const threads = Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? 0) || cores;
  const facts = { backend: 'tensorflow', version: check.version, gpu: check.gpu, threads, cores };
  const text = `TensorFlow ${check.version}, native, ${check.gpu ? 'GPU' : 'CPU'}, ${threads} threads on ${cores} cores, loads in ${(check.milliseconds / 1000).toFixed(1)} s`;
  return ok(name, text, { ...facts, load_ms: check.milliseconds });
}
