import { copyFile, link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile, writeSafetensorsFile } from '../ml/models/safetensors-file.ts';
import { LASTING_FILES } from '../store/checkpoints.ts';
import type { Json } from '../store/types.ts';
import { plain } from './protocol.ts';
import { ComputeError, type LoopState } from './types.ts';

/**
 * A checkpoint on disk: `state.safetensors` and `state.json` in a directory of its own, and finished files below `files/`.
 * Of those it holds only the ones that the checkpoints before did not: the store remembers the rest (store/checkpoints.ts).
 */

export const CHECKPOINT_FORMAT = 1;

/** @param stored names of the finished files that are stored already */
export async function writeCheckpoint(
  directory: string,
  step: number,
  state: LoopState,
  stored: ReadonlySet<string> = new Set(),
): Promise<void> {
  const json = exactJson(state.json, 'json');
  await mkdir(directory, { recursive: true });
  writeSafetensorsFile(join(directory, 'state.safetensors'), state.tensors);
  const files = Object.entries(state.files ?? {});
  const names = files.length === 0 ? '' : `,"files":${JSON.stringify(files.map(([name]) => name))}`;
  await writeFile(
    join(directory, 'state.json'),
    `{"format":${CHECKPOINT_FORMAT},"step":${step},"json":${json}${names}}\n`,
  );
  for (const [name, path] of files) {
    if (stored.has(name)) continue;
    await mkdir(join(directory, LASTING_FILES), { recursive: true });
    await linkOrCopy(path, join(directory, LASTING_FILES, name));
  }
}

/** A second name costs nothing, and the file will not change any more. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EXDEV' || error.code === 'EPERM' || error.code === 'EMLINK')
      return copyFile(from, to);
    throw error;
  });
}

export async function readCheckpoint(directory: string, step: number): Promise<LoopState> {
  const stored = JSON.parse(await readFile(join(directory, 'state.json'), 'utf8')) as {
    format: number;
    step: number;
    json: Json;
    files?: string[];
  };
  if (stored.format !== CHECKPOINT_FORMAT || stored.step !== step) {
    throw new ComputeError(
      'bad-checkpoint',
      `The checkpoint in ${directory} has format ${stored.format} and step ${stored.step}; format ${CHECKPOINT_FORMAT} and step ${step} were expected.`,
      { hint: 'Delete the checkpoints of this point to start it afresh.' },
    );
  }
  const state = { tensors: readTensors(join(directory, 'state.safetensors')), json: stored.json };
  if (!stored.files) return state;
  const files = stored.files.map((name) => [name, join(directory, LASTING_FILES, name)]);
  return { ...state, files: Object.fromEntries(files) };
}

function readTensors(path: string): LoopState['tensors'] {
  const tensors: LoopState['tensors'] = {};
  const file = SafetensorsFile.open(path);
  try {
    for (const name of file.header.tensors.keys()) {
      const { dtype, shape, data } = file.read(name);
      if (dtype !== 'F32' && dtype !== 'I32') {
        throw new ComputeError(
          'bad-checkpoint',
          `${name} is stored as ${dtype}; checkpoints hold F32 and I32.`,
        );
      }
      tensors[name] = { dtype, shape, data };
    }
  } finally {
    file.close();
  }
  return tensors;
}

/**
 * JSON that reads back to the same value exactly: what JSON cannot hold is an error with its path, not a silent null, and
 * minus zero keeps its sign.
 */
function exactJson(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value))
    return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  if (Array.isArray(value))
    return `[${Array.from(value, (item, i) => exactJson(item, `${path}[${i}]`)).join(',')}]`;
  if (plain(value)) {
    const members = Object.entries(value).map(
      ([key, item]) => `${JSON.stringify(key)}:${exactJson(item, `${path}.${key}`)}`,
    );
    return `{${members.join(',')}}`;
  }
  const what = typeof value === 'number' ? String(value) : (value?.constructor?.name ?? typeof value);
  throw new ComputeError(
    'bad-checkpoint',
    `LoopState.${path} is ${what}, which a checkpoint cannot hold exactly.`,
  );
}
