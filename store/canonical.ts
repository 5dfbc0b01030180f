import type { Json } from './types.ts';

/**
 * The one text of a JSON value, so that equal values have equal digests: RFC 8785 (JSON Canonicalization Scheme). Keys are
 * sorted by UTF-16 code units, numbers written as ECMAScript does, no white space. Pure, without Node built-ins.
 *
 * @throws TypeError naming the path of what JSON cannot hold (undefined, NaN, infinities, functions, lone surrogates)
 */
export function canonicalJson(value: Json): string {
  const text = write(value);
  if (text === null) throw new TypeError(complaint(value, '$'));
  return text;
}

/** null when the value, or something in it, has no canonical JSON. Plans have thousands of points: this is the fast path. */
function write(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : null;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeList(value) : writeMap(value as Record<string, unknown>);
    default:
      return null;
  }
}

function writeList(list: readonly unknown[]): string | null {
  let text = '[';
  // By index, so that the holes of a sparse list are met.
  for (let i = 0; i < list.length; i++) {
    const item = write(list[i]);
    if (item === null) return null;
    text += i === 0 ? item : `,${item}`;
  }
  return `${text}]`;
}

function writeMap(map: Record<string, unknown>): string | null {
  if (!isPlain(map)) return null;
  let text = '{';
  for (const key of Object.keys(map).sort()) {
    const name = quoted(key);
    const item = write(map[key]);
    if (name === null || item === null) return null;
    text += text === '{' ? `${name}:${item}` : `,${name}:${item}`;
  }
  return `${text}}`;
}

function quoted(text: string): string | null {
  const json = JSON.stringify(text);
  // Only a lone surrogate is written as \udXXX; so is, doubly escaped, a text that reads like one.
  return json.includes('\\ud') && /\p{Surrogate}/u.test(text) ? null : json;
}

/** Class instances would lose what they are. Objects of another realm have another Object.prototype. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What is wrong, and where: the first such place. */
function complaint(value: unknown, path: string): string {
  if (typeof value === 'string') return `${path}: a string with a lone surrogate has no canonical JSON`;
  if (Array.isArray(value)) {
    const at = value.findIndex((item) => write(item) === null);
    return complaint(value[at], `${path}[${at}]`);
  }
  if (value !== null && typeof value === 'object') {
    if (!isPlain(value))
      return `${path}: a ${value.constructor?.name ?? 'class instance'} has no canonical JSON`;
    for (const [key, item] of Object.entries(value)) {
      if (quoted(key) === null) return complaint(key, path);
      if (write(item) === null) return complaint(item, `${path}.${key}`);
    }
  }
  return `${path}: ${typeof value === 'number' ? value : typeof value} has no canonical JSON`;
}
