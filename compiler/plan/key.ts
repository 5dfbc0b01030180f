import { canonicalJson } from '../../store/canonical.ts';
import type { Digest, Json } from '../../store/types.ts';
import { sha256Hex } from './label.ts';
import type { Point } from './types.ts';

/**
 * What a point's result is stored under: the SHA-256 of the canonical JSON (RFC 8785) of its kind, the kind's version, its
 * parameters and its seed. Artifacts and local files count by their content, secrets and `notInKey` not at all.
 */
export function pointKey(
  kind: string,
  kindVersion: number,
  params: Point['params'],
  notInKey: readonly string[],
  seed: number | null,
): Digest {
  return sha256Hex(
    canonicalJson({ kind, version: kindVersion, params: keyedParams(params, notInKey), seed }),
  );
}

/** Names the data that a point reads: what is the same for points that agree in the parameters `by` and in their seed. */
export function streamKey(kind: string, by: readonly string[], { params, seed }: Point): Digest {
  const named = Object.fromEntries(Object.entries(params).filter(([name]) => by.includes(name)));
  return sha256Hex(canonicalJson({ kind, params: keyedParams(named, []), seed }));
}

/** Of parameters, what a key covers. */
export function keyedParams(params: Point['params'], notInKey: readonly string[]): Record<string, Json> {
  let kept = params as Record<string, Json>;
  for (const path of notInKey) kept = without(kept, path.split('.'));
  return contentOnly(kept) as Record<string, Json>;
}

/** Copies along the path only. `*` stands for every element of a list. */
function without(params: Record<string, Json>, [first, ...rest]: string[]): Record<string, Json> {
  if (first === undefined || !(first in params)) return params;
  const { [first]: inner, ...others } = params;
  if (rest.length === 0) return others;
  if (Array.isArray(inner) && rest[0] === '*')
    return { ...others, [first]: inner.map((item) => (isMap(item) ? without(item, rest.slice(1)) : item)) };
  return isMap(inner) ? { ...others, [first]: without(inner, rest) } : params;
}

const isMap = (value: Json | undefined): value is Record<string, Json> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function contentOnly(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(contentOnly);
  if ('$artifact' in value) return { $artifact: value.$artifact!, digest: value.digest! };
  if ('$path' in value) return { sha256: value.sha256! };
  if ('$secret' in value) return {};
  const copy: Record<string, Json> = {};
  for (const name of Object.keys(value)) copy[name] = contentOnly(value[name]!);
  return copy;
}
