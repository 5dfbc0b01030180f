import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as tfTypes from '@tensorflow/tfjs';

/**
 * The one door to TensorFlow.js. Loaded on first use, never at import: `plumb validate` must not pay for it.
 * `TF_NUM_INTRAOP_THREADS` and the allocator settings must be in the environment before the process starts.
 */
export type TensorFlow = typeof tfTypes;

/** What set-up found and left in node_modules/.plumbline/engine.json. */
export interface EngineStamp {
  backend: 'tensorflow' | 'wasm';
  device: 'cpu' | 'gpu';
  version: string;
}

let loaded: TensorFlow | undefined;

/**
 * TensorFlow.js on the backend that set-up has provided. Native TensorFlow loads here at once; the wasm fallback must have
 * been started by `startEngine()`, since it starts asynchronously.
 */
export function tensorflow(): TensorFlow {
  if (loaded) return loaded;
  if (wantsWasm()) {
    throw new Error(
      'The wasm engine is not started: call startEngine() first. (Set-up found no native TensorFlow: run `plumb doctor`.)',
    );
  }
  loaded = loadNative();
  return loaded;
}

/** Loads the engine, whichever it is. Call it once before any computing; a compute child does so at its start. */
export async function startEngine(): Promise<TensorFlow> {
  if (loaded) return loaded;
  loaded = wantsWasm() ? await loadWasm() : loadNative();
  return loaded;
}

/** Whether raw TensorFlow ops are there. On the fallback every fused op computes its plain formula instead. */
export function isNative(): boolean {
  return tensorflow().getBackend() === 'tensorflow';
}

/** Whether ops run on a GPU. */
export function isGpu(): boolean {
  return isNative() && (tensorflow().backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice;
}

/** Whether what is computed now is recorded for a backward pass. */
export function underGradient(): boolean {
  return (tensorflow().engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth > 0;
}

/** Whether this process has used the engine. Never loads it. */
export function engineLoaded(): boolean {
  return loaded !== undefined;
}

/** Backend and versions, for `plumb doctor` and the record of every result. */
export function engineDescription(): Record<string, string | number | boolean> {
  const tf = tensorflow();
  const version = tf.version['tfjs-core'];
  if (!isNative()) return { backend: tf.getBackend(), tfjs: version };
  const { binding, isUsingGpuDevice } = tf.backend() as unknown as {
    binding: { TF_Version: string };
    isUsingGpuDevice: boolean;
  };
  return { backend: 'tensorflow', tfjs: version, tensorflow: binding.TF_Version, gpu: isUsingGpuDevice };
}

/** null when set-up has not run: then native TensorFlow is tried, and its own error tells what is missing. */
export function engineStamp(): EngineStamp | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', '.plumbline', 'engine.json');
    if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as EngineStamp;
    if (folder === dirname(folder)) return null;
  }
}

/** `PLUMBLINE_ENGINE=wasm` asks for the fallback where native TensorFlow is there too. */
const wantsWasm = () => process.env.PLUMBLINE_ENGINE === 'wasm' || engineStamp()?.backend === 'wasm';

function loadNative(): TensorFlow {
  // Hides TensorFlow's start-up notes about CPU features; warnings and errors still show.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as TensorFlow;
  tf.enableProdMode();
  return tf;
}

async function loadWasm(): Promise<TensorFlow> {
  const require = createRequire(import.meta.url);
  const tf = require('@tensorflow/tfjs') as TensorFlow;
  require('@tensorflow/tfjs-backend-wasm');
  // Stock kernels: the gradient of an embedding needs UnsortedSegmentSum, which the wasm backend lacks.
  (await import('./wasm-kernels.ts')).registerWasmKernels(tf);
  if (!(await tf.setBackend('wasm'))) throw new Error('The wasm backend of TensorFlow.js did not start.');
  tf.enableProdMode();
  return tf;
}
