import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { SourceFile, Span } from './file.ts';
import type { Entry, ListNode, MapNode, Node, ScalarNode } from './tree.ts';

/** Larger files are no experiments: a hundred steps are some 40 kB. */
const LARGEST_TEXT = 4 * 1024 * 1024;
/** Nodes of a document with all aliases written out. */
const MOST_NODES = 200_000;
const DEEPEST = 100;

/** Text to tree (YAML 1.2, core schema, merge keys). null when there is no tree to go on with. */
export function parseYaml(file: SourceFile, diagnostics: Diagnostics): Node | null {
  const whole = { file, start: 0, end: 0 };
  if (file.text.length > LARGEST_TEXT) {
    diagnostics.error(
      'file-too-large',
      whole,
      `This file is ${megabytes(file.text.length)}; 4 MB is the most.`,
      {
        hint: 'Use a matrix instead of writing every point out.',
      },
    );
    return null;
  }
  if (conflictMarkers(file, diagnostics)) return null;

  const [document, second] = documentsOf(file, diagnostics);
  if (!document && diagnostics.hasErrors) return null;
  const contents = document?.contents as ParsedNode | null | undefined;
  const [slip] = document?.errors ?? [];
  if (slip) {
    // One slip makes the parser stumble on: what follows the first error is noise.
    syntaxError(file, slip, diagnostics);
    return null;
  }
  if (
    !document ||
    contents === null ||
    contents === undefined ||
    (isScalar(contents) && contents.value === null)
  ) {
    diagnostics.error('empty-file', whole, 'This file is empty.', {
      hint: 'An experiment needs `version: 1`, a `name` and `steps`. See specs/quickstart.yaml.',
    });
    return null;
  }
  for (const warning of document.warnings) {
    diagnostics.error(
      'yaml-tag',
      at(file, warning.pos),
      `YAML tags are not used here: ${sentence(warning.message)}`,
    );
  }
  const version = document.directives?.yaml;
  if (version?.explicit && version.version !== '1.2') {
    diagnostics.error(
      'yaml-version',
      whole,
      `This file says that it is YAML ${version.version}; experiments are YAML 1.2.`,
      {
        hint: 'Remove the %YAML line.',
      },
    );
  }
  if (second) {
    const start = second.range[0];
    diagnostics.error(
      'several-documents',
      { file, start, end: start + 3 },
      'There is more than one YAML document in this file.',
      {
        hint: 'One file is one experiment: split it at the line `---`.',
      },
    );
  }
  return new Converter(file, diagnostics).convert(contents);
}

function documentsOf(file: SourceFile, diagnostics: Diagnostics) {
  try {
    const documents = parseAllDocuments(file.text, {
      version: '1.2',
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
    });
    return 'empty' in documents ? [] : documents;
  } catch (error) {
    // The library recurses: ten thousand brackets end in a stack overflow.
    if (!(error instanceof RangeError)) throw error;
    tooDeep({ file, start: 0, end: 0 }, diagnostics);
    return [];
  }
}

function tooDeep(span: Span, diagnostics: Diagnostics): void {
  diagnostics.error('too-deep', span, `This is nested more than ${DEEPEST} levels deep.`);
}

/** From the library's nodes to ours: aliases followed, merge keys applied, keys as text. */
class Converter {
  private readonly anchors = new Map<string, Node | null>();
  private readonly sizes = new WeakMap<Node, number>();
  /** Parts are missing: what is there would be complained about for the wrong reason. */
  private broken = false;
  private depth = 0;

  constructor(
    private readonly file: SourceFile,
    private readonly diagnostics: Diagnostics,
  ) {}

  convert(contents: ParsedNode): Node | null {
    const node = this.node(contents);
    if (this.broken) return null;
    if (this.sizeOf(node) <= MOST_NODES) return node;
    this.diagnostics.error(
      'alias-bomb',
      node.span,
      `With its aliases written out this file has more than ${MOST_NODES} values.`,
      {
        hint: 'Aliases of aliases multiply. Use a matrix for many points.',
      },
    );
    return null;
  }

  private node(parsed: ParsedNode | null): Node {
    if (isAlias(parsed)) return this.alias(parsed);
    if (!parsed) return this.scalar(null, this.span({}));
    const span = this.span(parsed);
    const { anchor } = parsed;
    // Set first, so that an alias inside its own anchor is found out.
    if (anchor) this.anchors.set(anchor, null);
    let node: Node;
    if (++this.depth > DEEPEST) {
      tooDeep(span, this.diagnostics);
      this.broken = true;
      node = this.scalar(null, span);
    } else if (isMap(parsed)) node = this.map(parsed as YAMLMap.Parsed, span);
    else if (isSeq(parsed)) node = this.list(parsed.items as ParsedNode[], span);
    else node = this.scalar(this.plain(parsed as Scalar, span), span);
    this.depth--;
    if (anchor) this.anchors.set(anchor, node);
    return node;
  }

  private map(parsed: YAMLMap.Parsed, span: Span): MapNode {
    const entries = new Map<string, Entry>();
    const merged: { node: Node; span: Span }[] = [];
    let size = 1;
    for (const pair of parsed.items as Pair<ParsedNode, ParsedNode | null>[]) {
      const key = this.span(pair.key);
      if (isScalar(pair.key) && typeof pair.key.value === 'symbol') {
        const value = this.node(pair.value);
        const span = pair.value ? this.span(pair.value) : key;
        for (const node of value.kind === 'list' ? value.items : [value]) merged.push({ node, span });
        continue;
      }
      const name = this.keyText(pair.key, key);
      const value = pair.value ? this.node(pair.value) : this.scalar(null, { ...key, start: key.end });
      size += this.sizeOf(value);
      if (name === null) continue;
      if (entries.has(name)) this.duplicate(name, key, entries.get(name)!.key);
      else entries.set(name, { key, value });
    }
    for (const { node: source, span } of merged) {
      if (source.kind !== 'map') {
        this.diagnostics.error('merge-key', span, 'The merge key `<<` takes a map or a list of maps.');
        continue;
      }
      size += this.sizeOf(source);
      for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    const node: MapNode = { kind: 'map', span, entries };
    this.sizes.set(node, size);
    return node;
  }

  private duplicate(name: string, key: Span, first: Span): void {
    this.diagnostics.error('duplicate-key', key, `The key ${name} is here twice.`, {
      hint: 'Keep one of them: YAML readers disagree on which would win.',
      related: [{ message: 'it is here already', span: first }],
    });
  }

  private list(items: ParsedNode[], span: Span): ListNode {
    const nodes = items.map((item) => this.node(item));
    const node: ListNode = { kind: 'list', span, items: nodes };
    this.sizes.set(
      node,
      nodes.reduce((sum, item) => sum + this.sizeOf(item), 1),
    );
    return node;
  }

  private alias(alias: Alias.Parsed): Node {
    const span = this.span(alias);
    const target = this.anchors.get(alias.source);
    if (target === undefined) {
      this.diagnostics.error('unknown-anchor', span, `No anchor &${alias.source} comes before this alias.`, {
        hint: didYouMean(alias.source, this.anchors.keys(), 'Anchors so far', (name) => `*${name}`),
      });
    } else if (!target) {
      this.diagnostics.error(
        'recursive-alias',
        span,
        `The alias *${alias.source} stands inside its own anchor.`,
      );
    }
    this.broken ||= !target;
    return target ?? this.scalar(null, span);
  }

  private keyText(key: ParsedNode, span: Span): string | null {
    if (isScalar(key))
      return typeof key.value === 'string' ? key.value : this.file.text.slice(span.start, span.end);
    this.diagnostics.error('key-not-text', span, 'A key must be text.');
    return null;
  }

  private plain(parsed: Scalar, span: Span): ScalarNode['value'] {
    const { value } = parsed;
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) {
        this.diagnostics.error(
          'not-finite',
          span,
          `${parsed.source ?? value} is no number that can be computed with.`,
        );
        return 0;
      }
      if (Number.isInteger(value) && !Number.isSafeInteger(value) && !/[.eE]/.test(parsed.source ?? '')) {
        this.diagnostics.error(
          'integer-too-large',
          span,
          `${parsed.source} is beyond ±(2^53 - 1) and would be rounded.`,
          {
            hint: 'Quote it if it is a name.',
          },
        );
      }
      return value;
    }
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    return String(value);
  }

  private scalar(value: ScalarNode['value'], span: Span): ScalarNode {
    return { kind: 'scalar', span, value };
  }

  private sizeOf(node: Node): number {
    return this.sizes.get(node) ?? 1;
  }

  private span(parsed: { range?: [number, number, number] | null }): Span {
    const [start, end] = parsed.range ?? [0, 0];
    return { file: this.file, start, end };
  }
}

function conflictMarkers(file: SourceFile, diagnostics: Diagnostics): boolean {
  const marker = /^(<{7}|={7}|>{7})(?= |\r?$)/m.exec(file.text);
  if (!marker) return false;
  const span = { file, start: marker.index, end: marker.index + 7 };
  diagnostics.error('merge-conflict', span, 'This file has an unresolved merge conflict.', {
    hint: 'Choose one side and remove the lines <<<<<<<, ======= and >>>>>>>.',
  });
  return true;
}

function syntaxError(file: SourceFile, error: YAMLError, diagnostics: Diagnostics): void {
  const span = at(file, error.pos);
  const lineStart = file.text.lastIndexOf('\n', span.start - 1) + 1;
  const lineEnd = file.text.indexOf('\n', span.start);
  const line = file.text.slice(lineStart, lineEnd === -1 ? undefined : lineEnd);
  if (error.code === 'TAB_AS_INDENT' || /^ *\t/.test(line)) {
    const tab = lineStart + line.indexOf('\t');
    diagnostics.error('tab', { file, start: tab, end: tab + 1 }, 'A tab is used for indentation.', {
      hint: 'YAML allows spaces only. Most editors can convert tabs on saving.',
    });
    return;
  }
  const open = line.search(/[[{,][^'"]*\$\{\{/);
  if (open !== -1 && lineStart + open <= span.start) {
    const start = lineStart + line.indexOf('${{', open);
    const end = line.indexOf('}}', open);
    const written = end === -1 ? '${{ ... }}' : line.slice(line.indexOf('${{', open), end + 2);
    diagnostics.error(
      'unquoted-expression',
      { file, start, end: start + 3 },
      'Inside { } or [ ] an expression must be quoted.',
      {
        hint: `Write "${written}", or put the value on a line of its own.`,
      },
    );
    return;
  }
  diagnostics.error('yaml-syntax', span, `This is not valid YAML: ${sentence(error.message)}`, {
    hint: syntaxHint(error, line),
  });
}

function syntaxHint(error: YAMLError, line: string): string | undefined {
  if (/nested mapping|implicit keys|Implicit map keys/i.test(error.message) && /: .*: /.test(line)) {
    return 'Quote a value that holds a colon and a space.';
  }
  if (/Flow (sequence|map) .* end with/.test(error.message))
    return 'A bracket that was opened before is not closed.';
  if (error.code === 'BAD_INDENT' || /indent/i.test(error.message)) {
    return 'Keys of one map start in the same column; what belongs to a key is indented further.';
  }
  if (error.code === 'MISSING_CHAR' || /Missing closing/.test(error.message))
    return 'Something that was opened is not closed.';
  if (error.code === 'BAD_SCALAR_START') return 'Quote a value that starts with this character.';
  return undefined;
}

const at = (file: SourceFile, [start, end]: [number, number]): Span => ({
  file,
  start,
  end: Math.max(end, start),
});

const sentence = (message: string) => `${message.replace(/ at line \d+.*/s, '').replace(/[.:\s]+$/, '')}.`;

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
