import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readSafetensors } from '../../ml/models/safetensors.ts';
import { readManifest } from '../../store/artifacts.ts';
import type { ArtifactRef, Json, Store } from '../../store/types.ts';
import type { Accepted } from './world.ts';

export interface Difference {
  /** What was compared. */
  what: string;
  /** How much of it: `28 tensors`. */
  size: string;
  /** Largest absolute difference of two numbers; infinite where what is no number differs, or something is missing. */
  largest: number;
}

/** Every file of every output, every other output, and every metric. */
export async function compareResults(
  store: Store,
  scratch: string,
  a: Accepted,
  b: Accepted,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [name, value] of Object.entries(a.outputs)) {
    const refs = [artifactsIn(value), artifactsIn(b.outputs[name])] as const;
    if (refs[0].length === 0 || refs[0].length !== refs[1].length) {
      differences.push(compareNumbers(name, value as Json, b.outputs[name] as Json));
      continue;
    }
    for (const [i, ref] of refs[0].entries()) {
      const label = refs[0].length === 1 ? name : `${name}[${i}]`;
      const other = refs[1][i] as ArtifactRef;
      differences.push(...(await compareArtifacts(store, join(scratch, label), label, ref, other)));
    }
  }
  differences.push(compareNumbers('metrics', a.metrics as unknown as Json, b.metrics as unknown as Json));
  if (Object.keys(b.outputs).join() !== Object.keys(a.outputs).join())
    differences.push({ what: 'names of the outputs', size: '', largest: Number.POSITIVE_INFINITY });
  return differences;
}

const artifactsIn = (value: unknown): ArtifactRef[] =>
  [value]
    .flat()
    .filter((one): one is ArtifactRef => one !== null && typeof one === 'object' && '$artifact' in one);

async function compareArtifacts(
  store: Store,
  scratch: string,
  label: string,
  a: ArtifactRef,
  b: ArtifactRef,
) {
  const [first, second] = [await readManifest(store, a), await readManifest(store, b)];
  const paths = [...new Set([...Object.keys(first.files), ...Object.keys(second.files)])].sort();
  const differences: Difference[] = [];
  for (const path of paths) {
    const what = `${label}/${path}`;
    const files = [first.files[path], second.files[path]].map((file, side) => {
      return file && { ...file, at: join(scratch, String(side), path) };
    });
    const [one, two] = files;
    if (!one || !two) {
      differences.push({ what, size: 'missing on one side', largest: Number.POSITIVE_INFINITY });
      continue;
    }
    for (const { sha256, at } of [one, two]) {
      mkdirSync(dirname(at), { recursive: true });
      await store.getBlob(sha256, at);
    }
    differences.push(...compareFiles(what, one.at, two.at));
  }
  return differences;
}

/** Tensor by tensor, number by number, or byte by byte. Equal numbers in different bytes are a difference. */
function compareFiles(what: string, a: string, b: string): Difference[] {
  const [first, second] = [readFileSync(a), readFileSync(b)];
  const found = a.endsWith('.safetensors')
    ? compareTensors(what, a, b)
    : a.endsWith('.json')
      ? [compareNumbers(what, JSON.parse(first.toString()) as Json, JSON.parse(second.toString()) as Json)]
      : [
          {
            what,
            size: `${first.length} bytes`,
            largest: first.equals(second) ? 0 : Number.POSITIVE_INFINITY,
          },
        ];
  if (first.equals(second) || found.some(({ largest }) => largest > 0)) return found;
  return [...found, { what: `${what}, its bytes`, size: '', largest: Number.POSITIVE_INFINITY }];
}

/** One line for all tensors when they are equal; else one for each that differs. */
function compareTensors(what: string, a: string, b: string): Difference[] {
  const [first, second] = [readSafetensors(a), readSafetensors(b)];
  const names = [...new Set([...first.keys(), ...second.keys()])];
  const differing = names.flatMap((name) => {
    const [x, y] = [first.get(name)?.data, second.get(name)?.data];
    const largest = x && y && x.length === y.length ? largestDifference(x, y) : Number.POSITIVE_INFINITY;
    return largest === 0 ? [] : [{ what: `${what}: ${name}`, size: `${x?.length} numbers`, largest }];
  });
  if (differing.length > 0) return differing;
  return [{ what, size: `${names.length} tensors`, largest: 0 }];
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    if (difference > largest || Number.isNaN(difference))
      largest = Object.is(a[i], b[i]) ? largest : difference;
  }
  return largest;
}

/** Two JSON values: their numbers, and whether all else is equal. */
export function compareNumbers(what: string, a: Json | undefined, b: Json | undefined): Difference {
  let numbers = 0;
  const walk = (x: Json | undefined, y: Json | undefined): number => {
    if (typeof x === 'number' && typeof y === 'number') {
      numbers++;
      return Math.abs(x - y);
    }
    if (x === null || y === null || typeof x !== 'object' || typeof y !== 'object')
      return x === y ? 0 : Number.POSITIVE_INFINITY;
    const [left, right] = [x as Record<string, Json>, y as Record<string, Json>];
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].reduce((most, key) => Math.max(most, walk(left[key], right[key])), 0);
  };
  const largest = walk(a, b);
  return { what, size: numbers === 0 ? '' : `${numbers} numbers`, largest };
}

/** Logged, but told by a clock. */
const CLOCKED = new Set(['tokens_per_second']);

interface Step {
  step: number;
  metrics: Record<string, number>;
}

/** What every step logged: each time that it was computed. */
export function compareTraces(undisturbed: string, killed: string): Difference[] {
  const stepsIn = (text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Step);
  const expected = new Map(stepsIn(undisturbed).map(({ step, metrics }) => [step, metrics]));
  const found = stepsIn(killed);
  const largest = new Map<string, number>();
  for (const { step, metrics } of found) {
    const other = expected.get(step);
    for (const name of new Set([...Object.keys(metrics), ...Object.keys(other ?? {})])) {
      if (CLOCKED.has(name)) continue;
      const { largest: difference } = compareNumbers(name, metrics[name], other?.[name]);
      largest.set(name, Math.max(largest.get(name) ?? 0, difference));
    }
  }
  const distinct = new Set(found.map(({ step }) => step)).size;
  const missing = [...expected.keys()].some((step) => !found.some((one) => one.step === step));
  return [
    {
      what: 'logged steps',
      size: `${distinct}, ${found.length - distinct} of them computed again`,
      largest: missing || distinct !== expected.size ? Number.POSITIVE_INFINITY : 0,
    },
    ...[...largest].map(([name, difference]) => ({ what: `logged ${name}`, size: '', largest: difference })),
  ];
}
