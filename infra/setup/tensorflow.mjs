// Native TensorFlow behind @tensorflow/tfjs-node. Tried in order: what is there and works; the libraries of the Python
// wheel with an addon built against them; the vendor's installer; the WebAssembly backend.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADDON, buildAddon, demandCompiler } from './addon.mjs';
import { cacheDirectory, demandSpace, discardIfDamaged, intact, provide } from './cache.mjs';
import { run } from './command.mjs';
import { lastLines, SetupFailure } from './failure.mjs';
import { bothLocks } from './lock.mjs';
import { host, musl, wantedDevice } from './machine.mjs';
import { npm } from './packages.mjs';
import { python, unzip, wheel } from './python.mjs';
import { readStamp, writeStamp } from './stamps.mjs';
import { CUDA_WHEELS, NAPI, TENSORFLOW, TENSORFLOW_WHEELS, TFJS } from './versions.mjs';

const CHECK = fileURLToPath(new URL('tensorflow-check.cjs', import.meta.url));
/** Matrix products and training steps of the reference machine: wasm with one thread against native with two. */
const WASM_SLOWER = 'about 10 times slower';

const packageOf = (root) => join(root, 'node_modules', '@tensorflow', 'tfjs-node');

/** What this set-up asks for: a change of it makes the stamp invalid. */
function wanted(env = process.env) {
  if (env.PLUMBLINE_BACKEND === 'wasm')
    return { backend: 'wasm', device: 'cpu', tensorflow: TENSORFLOW, tfjs: TFJS };
  if (env.PLUMBLINE_BACKEND && env.PLUMBLINE_BACKEND !== 'tensorflow')
    throw new SetupFailure(
      `PLUMBLINE_BACKEND is "${env.PLUMBLINE_BACKEND}", not tensorflow or wasm.`,
      'unset PLUMBLINE_BACKEND',
    );
  return { backend: 'tensorflow', device: wantedDevice(env), tensorflow: TENSORFLOW, tfjs: TFJS };
}

/** The stamp of an engine that is still in place, without loading it. */
export function currentEngine(root) {
  const stamp = readStamp(root, 'engine');
  const want = wanted();
  if (!stamp || JSON.stringify(stamp.wanted) !== JSON.stringify(want)) return undefined;
  if (stamp.backend === 'wasm') {
    const better = want.backend === 'tensorflow' && intact(cachedEntry(want.device));
    return !better && existsSync(join(root, 'node_modules', WASM_PACKAGE)) ? stamp : undefined;
  }
  const addon = statSync(join(packageOf(root), ADDON), { throwIfNoEntry: false });
  if (addon?.size !== stamp.addonBytes) return undefined;
  return stamp.entry === undefined || intact(stamp.entry) ? stamp : undefined;
}

/** What to tell at every set-up while the fallback is in use that nobody asked for. */
export function engineWarning(root) {
  const stamp = readStamp(root, 'engine');
  if (stamp?.backend !== 'wasm' || stamp.wanted.backend === 'wasm') return undefined;
  return `native TensorFlow is not available, everything is ${WASM_SLOWER}: ${stamp.source}\nto try again: npm run setup -- --again`;
}

const entryName = (device) => `tensorflow-${TENSORFLOW}-${device}-${host}-tfjs${TFJS}-napi${NAPI}`;
const cachedEntry = (device) => join(cacheDirectory(), entryName(device));

/**
 * Loads the addon in a child process and computes with it.
 * @returns {Promise<{version: string, gpu: boolean, milliseconds: number} | {error: string}>}
 */
export async function checkEngine(root, lock) {
  const { code, output } = await run(process.execPath, [CHECK], { cwd: root, lock });
  // Node may say things of its own, before and after.
  const line = output.split('\n').findLast((each) => each.startsWith('{')) ?? '';
  return code === 0 && line.startsWith('{')
    ? JSON.parse(line)
    : { error: lastLines(output, 8) || `exit code ${code}` };
}

/** @returns {Promise<string>} one line for the report */
export async function provideTensorflow(root, { lock, doing, warn, packagesReady }) {
  const want = wanted();
  if (want.backend === 'wasm') return useWasm(root, want, 'PLUMBLINE_BACKEND=wasm', { lock, packagesReady });

  const wheels = wheelsFor(want.device);
  const cached = cachedEntry(want.device);
  if (wheels && intact(cached)) {
    await packagesReady;
    try {
      return await accept(root, want, cached, 'from the cache', { lock, warn });
    } catch (error) {
      if (!(await discardIfDamaged(cached))) throw error;
      warn(`${cached} was damaged: it is made anew`);
    }
  }

  const failures = [];
  const existing = await tryExisting(root, want, { lock, packagesReady });
  if (existing) return existing;
  if (wheels) {
    // What people can mend in a minute is worth mending: the fallbacks are far slower or far older.
    python();
    demandCompiler();
    await demandSpace(cacheDirectory(), want.device === 'gpu' ? 12_000 : 2_000);
    try {
      const entry = await provide(
        entryName(want.device),
        (stage, own) => buildEntry(stage, own, wheels, root, { lock, doing, packagesReady }),
        (pid) => doing(`waiting for another set-up (process ${pid})`),
      );
      const how = entry.made ? 'from the Python wheel, addon built' : 'from the cache';
      return await accept(root, want, entry.path, how, { lock, warn });
    } catch (error) {
      if (!(error instanceof SetupFailure) || error.kind === 'disk' || error.kind === 'tool') throw error;
      failures.push(error);
    }
  } else
    failures.push(new SetupFailure(`TensorFlow has no wheel for ${host}${musl() ? ' with musl' : ''}.`, ''));

  await packagesReady;
  doing("the vendor's installer");
  const vendor = await useVendor(root, want, lock);
  if (typeof vendor === 'string') return vendor;
  failures.push(vendor);

  const reason = failures
    .map(({ message, detail }) => (detail ? `${message}\n${detail}` : message))
    .join('\n');
  return useWasm(root, want, reason, { lock, packagesReady }).catch((error) => {
    throw failures.find(({ kind }) => kind === 'network') ?? error;
  });
}

const wheelsFor = (device) => {
  const tensorflow = musl() ? undefined : TENSORFLOW_WHEELS[`${host}-${device}`];
  return tensorflow && [tensorflow, ...(device === 'gpu' ? CUDA_WHEELS : [])];
};

const HEADERS = ['tensorflow/c/', 'tensorflow/core/platform/', 'tsl/platform/', 'xla/tsl/c/'];

/** Fills a cache entry: `deps/lib` (and `deps/nvidia`, where the library looks for CUDA) and the addon. */
async function buildEntry(stage, own, [tensorflow, ...cuda], root, { lock, doing, packagesReady }) {
  const locks = bothLocks(own, lock);
  const discards = [];
  doing(`downloading ${tensorflow.name} ${tensorflow.version} (${tensorflow.megabytes} MB)`);
  const main = await wheel(tensorflow, locks);
  discards.push(main.discard);
  doing('unpacking TensorFlow');
  const lib = join(stage, 'deps', 'lib');
  await unzip(main.file, lib, { strip: 'tensorflow/', prefixes: ['tensorflow/libtensorflow'], lock: locks });
  await unzip(main.file, join(stage, 'deps', 'include'), {
    strip: 'tensorflow/include/',
    prefixes: HEADERS.map((prefix) => `tensorflow/include/${prefix}`),
    lock: locks,
  });
  for (const [index, each] of cuda.entries()) {
    doing(`downloading CUDA: ${each.name} (${index + 1} of ${cuda.length})`);
    const part = await wheel(each, locks);
    discards.push(part.discard);
    await unzip(part.file, join(stage, 'deps', 'nvidia'), {
      strip: 'nvidia/',
      prefixes: ['nvidia/'],
      lock: locks,
    });
  }
  doing('waiting for the packages');
  await packagesReady;
  doing('building the addon');
  const libraries = readdirSync(lib).filter((name) =>
    /^libtensorflow(_cc|_framework)\.(so\.2|2\.dylib)$/.test(name),
  );
  await buildAddon(stage, packageOf(root), libraries, locks);
  rmSync(join(stage, 'deps', 'include'), { recursive: true });
  for (const discard of discards) discard();
}

/** Links a cache entry into the package, proves that it computes, and leaves the stamp. */
async function accept(root, want, entry, how, { lock, warn }) {
  link(join(entry, 'deps'), join(packageOf(root), 'deps'));
  link(dirname(join(entry, ADDON)), dirname(join(packageOf(root), ADDON)));
  const check = await checkEngine(root, lock);
  if (check.error)
    throw new SetupFailure('TensorFlow was built but does not load.', `rm -rf ${entry} && npm run setup`, {
      detail: check.error,
    });
  if (want.device === 'gpu' && !check.gpu) {
    const text = 'TensorFlow finds no GPU that it can use.';
    if (wantedDevice({ ...process.env, PLUMBLINE_DEVICE: '' }) === 'gpu')
      throw new SetupFailure(
        text,
        'see what nvidia-smi says (driver 525 or later), or: PLUMBLINE_DEVICE=cpu npm run setup',
        {
          kind: 'tool',
        },
      );
    warn(`${text} PLUMBLINE_DEVICE=gpu was asked for: the libraries are in place for a host that has one.`);
  }
  return stampNative(root, want, check, how, entry);
}

function stampNative(root, want, check, how, entry) {
  const addon = join(packageOf(root), ADDON);
  writeStamp(root, 'engine', {
    backend: 'tensorflow',
    version: check.version,
    device: check.gpu ? 'gpu' : 'cpu',
    source: how,
    addon: realpathSync(addon),
    addonBytes: statSync(addon).size,
    entry,
    wanted: want,
  });
  return `TensorFlow ${check.version}, native, ${check.gpu ? 'GPU' : 'CPU'} (${how})`;
}

function link(target, path) {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path, 'dir');
}

/** An addon that somebody else put there (the vendor's installer, a build by hand) is kept when it works. */
async function tryExisting(root, want, { lock, packagesReady }) {
  if (want.device === 'gpu') return undefined;
  // Do not wait for the packages when nothing can be there yet.
  if (!existsSync(join(packageOf(root), ADDON))) return undefined;
  await packagesReady;
  const folder = lstatSync(dirname(join(packageOf(root), ADDON)), { throwIfNoEntry: false });
  if (!folder || folder.isSymbolicLink()) return undefined;
  const check = await checkEngine(root, lock);
  return check.error ? undefined : stampNative(root, want, check, 'already there');
}

async function useVendor(root, want, lock) {
  const directory = packageOf(root);
  for (const name of ['deps', 'lib']) rmSync(join(directory, name), { recursive: true, force: true });
  const { output } = await run(process.execPath, ['scripts/install.js'], {
    cwd: directory,
    env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` },
    lock,
  });
  const check = await checkEngine(root, lock);
  if (!check.error) return stampNative(root, want, check, "the vendor's build");
  return new SetupFailure("The vendor's installer failed as well.", '', { detail: lastLines(output, 3) });
}

const WASM_PACKAGE = '@tensorflow/tfjs-backend-wasm';

async function useWasm(root, want, reason, { lock, packagesReady }) {
  await packagesReady;
  if (!existsSync(join(root, 'node_modules', WASM_PACKAGE)))
    await npm(
      ['install', '--no-save', '--ignore-scripts', `${WASM_PACKAGE}@${TFJS}`],
      root,
      WASM_PACKAGE,
      lock,
    );
  writeStamp(root, 'engine', { backend: 'wasm', version: TFJS, device: 'cpu', source: reason, wanted: want });
  return `WebAssembly ${TFJS}, ${WASM_SLOWER} than native TensorFlow`;
}
