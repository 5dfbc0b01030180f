// What this machine is: decides which builds of TensorFlow and Temporal fit it.
import { existsSync } from 'node:fs';
import { ask, which } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { NODE } from './versions.mjs';

/** Node's names, for example `linux-x64`. */
export const host = `${process.platform}-${process.arch}`;

/** musl's loader in place of glibc's: no TensorFlow build exists for it. */
export const musl = () =>
  process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined;

/** `gpu` when an NVIDIA driver answers; `PLUMBLINE_DEVICE=cpu|gpu` decides instead when set. */
export function wantedDevice(env = process.env) {
  const chosen = env.PLUMBLINE_DEVICE;
  if (chosen === 'cpu' || chosen === 'gpu') return chosen;
  if (chosen)
    throw new SetupFailure(
      `PLUMBLINE_DEVICE is "${chosen}", not cpu or gpu.`,
      'export PLUMBLINE_DEVICE=cpu (or unset it)',
    );
  if (process.platform !== 'linux' || !existsSync('/proc/driver/nvidia/version')) return 'cpu';
  return which('nvidia-smi') && ask('nvidia-smi', ['--list-gpus']) ? 'gpu' : 'cpu';
}

/** -1, 0 or 1, by number. */
export function compareVersions(a, b) {
  for (let i = 0; i < 3; i += 1) if ((a[i] ?? 0) !== (b[i] ?? 0)) return Math.sign((a[i] ?? 0) - (b[i] ?? 0));
  return 0;
}

/** The first `1.2.3` in a text, as numbers. */
export const parseVersion = (text) =>
  text
    ?.match(/(\d+)\.(\d+)\.(\d+)/)
    ?.slice(1)
    .map(Number);

export function demandNode(version = process.versions.node) {
  const numbers = parseVersion(version);
  if (compareVersions(numbers, NODE.min) >= 0 && compareVersions(numbers, NODE.below) < 0) return;
  const tooNew = compareVersions(numbers, NODE.below) >= 0;
  throw new SetupFailure(
    `Node ${version} is too ${tooNew ? 'new: the TensorFlow binding needs Node 20 or 22' : 'old: Node 20.3 or later is needed'}.`,
    `nvm install ${NODE.recommended} && nvm use ${NODE.recommended} (without nvm: install Node ${NODE.recommended} with your package manager)`,
    { kind: 'tool' },
  );
}
