import { engineStamp } from '../../ml/engine/engine.ts';
import type { Finding } from './finding.ts';
import { bad, ok } from './finding.ts';
import { ask } from './program.ts';

/** NVIDIA devices that the driver shows, and whether the engine that set-up chose is the one for them. */
export async function gpuFinding(root: string): Promise<Finding> {
  const name = 'GPU';
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'];
  const { ok: answered, output } = await ask('nvidia-smi', query, root);
  if (!answered || output === '') {
    if (process.env['PLUMBLINE_DEVICE'] === 'gpu') {
      return bad(
        'error',
        name,
        'PLUMBLINE_DEVICE=gpu, but nvidia-smi shows no device',
        'install the NVIDIA driver, or unset PLUMBLINE_DEVICE',
      );
    }
    return ok(name, 'none: everything runs on the CPU', { count: 0 });
  }
  const devices = output.split('\n');
  const facts = { count: devices.length, devices: devices.join('; ') };
  if (engineStamp()?.device !== 'gpu' && process.env['PLUMBLINE_DEVICE'] !== 'cpu') {
    return bad(
      'warning',
      name,
      `${devices.join('; ')}, but the engine is built for the CPU`,
      'PLUMBLINE_DEVICE=gpu npm run setup',
      facts,
    );
  }
  return ok(name, devices.join('; '), facts);
}
