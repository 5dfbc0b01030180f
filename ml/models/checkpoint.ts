import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SafetensorsError, type TensorEntry } from './safetensors.ts';
import { SafetensorsFile } from './safetensors-file.ts';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * The weights of a Hugging Face directory: one safetensors file, or the shards that an index names. Opening reads the
 * headers only; values are read by range.
 */
export class Checkpoint {
  private readonly homes = new Map<string, SafetensorsFile>();
  private readonly files: SafetensorsFile[] = [];

  /** @throws SafetensorsError naming the file or the tensor */
  constructor(readonly directory: string) {
    try {
      const map = existsSync(join(directory, SINGLE)) ? undefined : weightMap(directory);
      for (const name of map ? shardsOf(map) : [SINGLE]) this.open(directory, name);
      for (const [tensor, shard] of map ?? []) this.checkHome(tensor, shard);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get names(): string[] {
    return [...this.homes.keys()];
  }

  entry(name: string): TensorEntry | undefined {
    return this.homes.get(name)?.header.tensors.get(name);
  }

  /** Values of a tensor of floating-point numbers, from element `start` on. */
  readInto(name: string, start: number, into: Float32Array): void {
    const file = this.homes.get(name);
    if (!file) throw new SafetensorsError(`the tensor ${name} is missing`);
    file.readInto(name, start, into);
  }

  /** Where a float32 tensor lies: the bytes `begin` to `end` of a file of `size` bytes. undefined: it is of another type. */
  place(name: string): { path: string; size: number; begin: number; end: number } | undefined {
    const file = this.homes.get(name);
    const entry = file?.header.tensors.get(name);
    if (!file || entry?.dtype !== 'F32') return undefined;
    const { dataStart } = file.header;
    return { path: file.path, size: file.size, begin: dataStart + entry.begin, end: dataStart + entry.end };
  }

  close(): void {
    for (const file of this.files) file.close();
  }

  private open(directory: string, name: string): void {
    const path = join(directory, name);
    if (!existsSync(path)) throw new SafetensorsError(`${INDEX} names ${name}, which is not there`);
    const file = SafetensorsFile.open(path);
    this.files.push(file);
    for (const tensor of file.header.tensors.keys()) {
      const other = this.homes.get(tensor);
      if (other) throw new SafetensorsError(`the tensor ${tensor} is both in ${other.path} and in ${path}`);
      this.homes.set(tensor, file);
    }
  }

  private checkHome(tensor: string, shard: string): void {
    const found = this.homes.get(tensor)?.path;
    if (found === undefined || !found.endsWith(`/${shard}`))
      throw new SafetensorsError(
        `${INDEX} says that the tensor ${tensor} is in ${shard}, but it is ${found ? `in ${found}` : 'not'}`,
      );
  }
}

const shardsOf = (map: [string, string][]) => [...new Set(map.map(([, shard]) => shard))].sort();

/** Which shard holds each tensor. Pickles are refused: reading one can run any code. */
function weightMap(directory: string): [tensor: string, shard: string][] {
  const index = join(directory, INDEX);
  if (!existsSync(index)) throw noWeights(directory);
  let map: unknown;
  try {
    map = (JSON.parse(readFileSync(index, 'utf8')) as { weight_map?: unknown } | null)?.weight_map;
  } catch (error) {
    throw new SafetensorsError(`${INDEX} is not JSON: ${(error as Error).message}`);
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new SafetensorsError(`${INDEX} has no weight_map`);
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard))
      throw new SafetensorsError(
        `${INDEX} puts the tensor ${tensor} in ${JSON.stringify(shard)}, which is not the name of a safetensors file beside it`,
      );
  }
  return Object.entries(map) as [string, string][];
}

function noWeights(directory: string): SafetensorsError {
  const pickle = existsSync(directory)
    ? readdirSync(directory).find((name) => /\.(bin|pt|pth|ckpt|pkl|pickle)$/.test(name))
    : undefined;
  if (pickle) {
    return new SafetensorsError(
      `${pickle} is a pickle, which can run any code when it is read, so it is refused`,
      "convert it where you trust it: python -c \"from transformers import AutoModelForCausalLM as M; M.from_pretrained('DIR').save_pretrained('NEW')\"",
    );
  }
  return new SafetensorsError(`there is neither ${SINGLE} nor ${INDEX}`);
}
