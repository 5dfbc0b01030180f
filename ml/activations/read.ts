import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../failure.ts';
import { readSafetensors } from '../models/safetensors.ts';
import { SafetensorsFile } from '../models/safetensors-file.ts';
import type { HookSite } from '../models/types.ts';
import type { ActivationsIndex, CaptureIndex, Place, ShardIndex } from './types.ts';

/** Where each row came from. [R] each. */
export interface RowOrigins {
  token: Int32Array;
  /** Index of the text (or triple) in its file. */
  text: Int32Array;
  position: Int32Array;
}

/** One site of an `activations` artifact, read row range by row range: nothing is held but what is asked for. */
export interface Activations {
  readonly index: ActivationsIndex;
  readonly site: HookSite;
  /** Those captured at the site, ascending. */
  readonly layers: readonly number[];
  /** Scale and size of one layer. @throws ComputeError bad-parameter when it was not captured */
  layer(layer: number): CaptureIndex;
  /**
   * Activations of rows [start, end) at `layer`: [end - start, D], row after row.
   * @throws ComputeError bad-data naming the shard that is missing or damaged
   */
  rows(layer: number, start: number, end: number): Float32Array;
  /** The mean over all rows. [D] */
  mean(layer: number): Float32Array;
  /** Of rows [start, end), all by default. */
  origins(start?: number, end?: number): RowOrigins;
}

/**
 * @param site which of the captured sites; not needed when there is one
 * @throws ComputeError bad-data when the artifact is not whole, bad-parameter when the site was not captured
 */
export function openActivations(directory: string, site?: HookSite): Activations {
  const index = readIndex(directory);
  const chosen = chooseSite(index, site);
  const captures = index.captures
    .filter((capture) => capture.site === chosen)
    .sort((a, b) => a.layer - b.layer);
  const layers = captures.filter((place) => !isControl(index, place)).map(({ layer }) => layer);
  const { width } = index;
  const whole = new Set<string>();
  const open = (shard: ShardIndex): SafetensorsFile => {
    const path = join(directory, shard.file);
    if (!whole.has(shard.file)) checkDigest(path, shard);
    whole.add(shard.file);
    return damaged(path, () => SafetensorsFile.open(path));
  };
  const find = (layer: number): CaptureIndex => {
    const found = captures.find((capture) => capture.layer === layer);
    if (found) return found;
    throw new ComputeError('bad-parameter', `Layer ${layer} was not captured: ${layers} were`, {
      hint: 'name one of the captured layers, or add it to `layers` of the activations.capture step',
    });
  };
  const checkRange = (start: number, end: number) => {
    if (start >= 0 && start <= end && end <= index.rows) return;
    throw new RangeError(`Rows ${start} to ${end} of ${index.rows}`);
  };
  return {
    index,
    site: chosen,
    layers,
    layer: find,
    rows(layer, start, end) {
      checkRange(start, end);
      const out_RD = new Float32Array((end - start) * width);
      for (const part of partsOf(find(layer).shards, start, end)) {
        const file = open(part.shard);
        try {
          const into = out_RD.subarray(part.at * width, (part.at + part.to - part.from) * width);
          damaged(file.path, () => file.readInto('acts', part.from * width, into));
        } finally {
          file.close();
        }
      }
      return out_RD;
    },
    mean(layer) {
      const path = join(directory, 'statistics.safetensors');
      const name = `mean.${chosen}.${find(layer).layer}`;
      const found = damaged(path, () => readSafetensors(path)).get(name);
      if (!found) throw new ComputeError('bad-data', `${path}: there is no tensor ${name}`);
      return found.data as Float32Array;
    },
    origins(start = 0, end = index.rows) {
      checkRange(start, end);
      const column = () => new Int32Array(end - start);
      const out: RowOrigins = { token: column(), text: column(), position: column() };
      for (const part of partsOf(index.origins, start, end)) {
        const file = open(part.shard);
        try {
          for (const name of ['token', 'text', 'position'] as const) {
            const { data } = damaged(file.path, () => file.read(name));
            out[name].set(data.subarray(part.from, part.to), part.at);
          }
        } finally {
          file.close();
        }
      }
      return out;
    },
  };
}

/** The pieces of rows [start, end): rows [from, to) of a shard, which come at row `at` of the whole. */
function* partsOf(shards: readonly ShardIndex[], start: number, end: number) {
  let first = 0;
  for (const shard of shards) {
    const from = Math.max(start, first);
    const to = Math.min(end, first + shard.rows);
    if (from < to) yield { shard, from: from - first, to: to - first, at: from - start };
    first += shard.rows;
  }
}

const isControl = ({ source }: ActivationsIndex, { site, layer }: Place): boolean =>
  source.type === 'triples' && source.control?.site === site && source.control.layer === layer;

function chooseSite(index: ActivationsIndex, site: HookSite | undefined): HookSite {
  const asked = index.captures.filter((place) => !isControl(index, place));
  const sites = [...new Set(asked.map((capture) => capture.site))];
  const [only] = sites;
  if (site === undefined && only !== undefined && sites.length === 1) return only;
  if (site !== undefined && index.captures.some((capture) => capture.site === site)) return site;
  throw new ComputeError(
    'bad-parameter',
    site === undefined
      ? `Several sites were captured: ${sites.join(', ')}`
      : `The site ${site} was not captured: ${sites.join(', ')} ${sites.length === 1 ? 'was' : 'were'}`,
    { hint: 'name a captured one as `site`, or add it to `sites` of the activations.capture step' },
  );
}

function checkDigest(path: string, { sha256 }: ShardIndex): void {
  const found = damaged(path, () => createHash('sha256').update(readFileSync(path)).digest('hex'));
  if (found !== sha256) throw damage(`${path} is not what was stored: its SHA-256 is ${found}`);
}

function readIndex(directory: string): ActivationsIndex {
  const path = join(directory, 'activations.json');
  const index = damaged(path, () => JSON.parse(readFileSync(path, 'utf8')) as ActivationsIndex);
  if (index.format !== 2) {
    throw new ComputeError('bad-data', `${path} has format ${index.format}, not 2`, {
      hint: 'capture the activations again',
    });
  }
  return index;
}

function damaged<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { message } = error as Error;
    throw damage(message.includes(path) ? message : `${path}: ${message}`);
  }
}

const damage = (message: string) =>
  new ComputeError('bad-data', message, {
    hint: 'run the experiment again: what was lost of the captured activations, and nothing else, is then computed again',
  });
