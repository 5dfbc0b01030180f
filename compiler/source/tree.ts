import type { Json } from '../../store/types.ts';
import type { Path } from '../diagnostics/diagnostic.ts';
import type { Span } from './file.ts';

/**
 * A document as a tree in which every value and key knows where it was written. Aliases and merged files share nodes, so
 * nodes are never changed.
 */
export type Node = MapNode | ListNode | ScalarNode;

export interface MapNode {
  kind: 'map';
  span: Span;
  entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  key: Span;
  value: Node;
}

export interface ListNode {
  kind: 'list';
  span: Span;
  items: readonly Node[];
}

export interface ScalarNode {
  kind: 'scalar';
  span: Span;
  value: null | boolean | number | string;
}

export function toJson(node: Node): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toJson);
  const object: Record<string, Json> = {};
  for (const [key, { value }] of node.entries) set(object, key, toJson(value));
  return object;
}

/** Like `object[key] = value`, also for the key `__proto__`. */
export function set(object: Record<string, Json>, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** The node at `path`, or the deepest one on the way to it. */
export function locate(root: Node, path: Path): { node: Node; entry?: Entry; found: boolean } {
  let node = root;
  let entry: Entry | undefined;
  for (const part of path) {
    let next: Node | undefined;
    if (node.kind === 'map') {
      const inner = node.entries.get(String(part));
      next = inner?.value;
      if (inner) entry = inner;
    } else if (node.kind === 'list') {
      next = node.items[Number(part)];
    }
    if (!next) return { node, ...(entry && { entry }), found: false };
    node = next;
  }
  return { node, ...(entry && { entry }), found: true };
}

export const child = (node: Node | undefined, key: string): Node | undefined =>
  node?.kind === 'map' ? node.entries.get(key)?.value : undefined;

export const textOf = (node: Node | undefined): string | undefined =>
  node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;

/** `over` on top of `base`: maps key by key, everything else replaced; a null removes the key. */
export function overlay(base: Node, over: Node): Node {
  if (base.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    if (entry.value.kind === 'scalar' && entry.value.value === null && below) entries.delete(key);
    else entries.set(key, below ? { key: entry.key, value: overlay(below.value, entry.value) } : entry);
  }
  return { kind: 'map', span: over.span, entries };
}

/** What a value is, for messages: `text "abc"`, `a list of 2`, `the number 3`. */
export function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (typeof value === 'string') return `text ${JSON.stringify(clipped(value, 40))}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'boolean') return `${value}`;
  if (Array.isArray(value)) return value.length === 1 ? 'a list of one' : `a list of ${value.length}`;
  return 'a map';
}

export const clipped = (text: string, length: number) =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
