import { posix } from 'node:path';
import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import { decodeText, SourceFile, type Span } from '../source/file.ts';
import {
  type Entry,
  type ListNode,
  type MapNode,
  type Node,
  overlay,
  type ScalarNode,
  textOf,
} from '../source/tree.ts';
import { parseYaml } from '../source/yaml.ts';

/** How a file that `extends:` names is read; null when there is none. */
export type ReadFile = (path: string) => Uint8Array | null;

/** The file's tree on top of those that it extends. null when there is nothing to go on with; `sources` gets every text read. */
export function assemble(
  path: string,
  bytes: Uint8Array,
  read: ReadFile,
  sources: Map<string, SourceFile>,
  diagnostics: Diagnostics,
): MapNode | null {
  const main = open(path, bytes, sources, diagnostics);
  return main && extended(main, read, sources, diagnostics, [path]);
}

function open(
  path: string,
  bytes: Uint8Array,
  sources: Map<string, SourceFile>,
  diagnostics: Diagnostics,
): SourceFile | null {
  const decoded = decodeText(bytes);
  if ('text' in decoded) {
    const file = new SourceFile(path, decoded.text);
    sources.set(path, file);
    return file;
  }
  const file = new SourceFile(path, '');
  const what = {
    'not-utf8': 'This file is not UTF-8 text.',
    utf16: 'This file is UTF-16, not UTF-8.',
    binary: 'This file is binary: it has NUL bytes.',
  }[decoded.problem];
  diagnostics.error('not-utf8', { file, start: 0, end: 0 }, what, {
    hint: decoded.problem === 'binary' ? undefined : 'Save it as UTF-8.',
  });
  return null;
}

function extended(
  file: SourceFile,
  read: ReadFile,
  sources: Map<string, SourceFile>,
  diagnostics: Diagnostics,
  chain: readonly string[],
): MapNode | null {
  const tree = parseYaml(file, diagnostics);
  if (!tree) return null;
  if (tree.kind !== 'map') {
    diagnostics.error('not-a-map', tree.span, 'An experiment is a map of keys and values.', {
      hint: 'It starts with `version: 1`, a `name` and `steps`.',
    });
    return null;
  }
  const entry = tree.entries.get('extends');
  if (!entry) return tree;
  let base: Node | null = null;
  for (const reference of references(entry.value)) {
    const below = baseOf(reference, file, read, sources, diagnostics, chain);
    if (!below) return null;
    base = base ? overlay(base, below) : below;
  }
  if (!base) return tree;
  const merged = overlay(base, tree) as MapNode;
  const entries = new Map<string, Entry>(merged.entries);
  entries.delete('extends');
  return { ...merged, entries };
}

const references = (node: Node): readonly Node[] =>
  node.kind === 'list' ? (node as ListNode).items : [node as ScalarNode];

function baseOf(
  reference: Node,
  file: SourceFile,
  read: ReadFile,
  sources: Map<string, SourceFile>,
  diagnostics: Diagnostics,
  chain: readonly string[],
): MapNode | null {
  const name = textOf(reference);
  const at: Span = reference.span;
  if (name === undefined) {
    diagnostics.error('wrong-type', at, 'extends takes paths.', { path: ['extends'] });
    return null;
  }
  const path = besides(file.path, name);
  if (chain.includes(path)) {
    diagnostics.error(
      'extends-cycle',
      at,
      `This file starts from itself: ${[...chain, path].join(' -> ')}.`,
      { path: ['extends'] },
    );
    return null;
  }
  const bytes = read(path);
  if (!bytes) {
    diagnostics.error('extends-missing', at, `There is no file ${path}.`, {
      path: ['extends'],
      hint: 'Paths in extends are relative to the file that names them.',
    });
    return null;
  }
  const base = open(path, bytes, sources, diagnostics);
  return base && extended(base, read, sources, diagnostics, [...chain, path]);
}

/** A path written in a file, as seen from where the file's own path is seen. */
export const besides = (file: string, path: string): string =>
  posix.isAbsolute(path) ? posix.normalize(path) : posix.normalize(posix.join(posix.dirname(file), path));
