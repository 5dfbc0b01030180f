import type { Code } from '../diagnostics/codes.ts';
import type { Details, Diagnostics, Path } from '../diagnostics/diagnostic.ts';
import type { Ast } from '../expressions/ast.ts';
import { ExpressionError } from '../expressions/ast.ts';
import type { Report } from '../expressions/environment.ts';
import { parseExpression } from '../expressions/parse.ts';
import { hasExpression, parseTemplate, type Segment } from '../expressions/template.ts';
import type { Expression } from '../plan/types.ts';
import type { Span } from '../source/file.ts';
import type { Node, ScalarNode } from '../source/tree.ts';

/** The expressions of a document, each parsed once; a slip in one is reported once. */
export class Sites {
  private readonly parsed = new Map<ScalarNode, Segment[]>();
  /** Paths of files that the run will run as code. */
  readonly codeFiles: { node: ScalarNode; path: Path; name: Expression }[] = [];

  constructor(readonly diagnostics: Diagnostics) {}

  /** The pieces of a text; null for values without expressions. Empty when it cannot be read (which is reported). */
  segments(node: ScalarNode, path: Path): Segment[] | null {
    if (typeof node.value !== 'string' || !hasExpression(node.value)) return null;
    return this.once(node, path, (text) => parseTemplate(text));
  }

  /** A field that is an expression as a whole, with or without `${{ }}`: `if`, `check`. */
  whole(node: ScalarNode, path: Path): Ast | null {
    if (typeof node.value === 'boolean') {
      return { op: 'literal', value: node.value, start: 0, end: 0 };
    }
    if (typeof node.value !== 'string') return null;
    const segments = this.once(node, path, (text) => {
      if (!hasExpression(text)) return [{ ast: parseExpression(text), source: text, offset: 0 }];
      const found = parseTemplate(text).filter((segment) => 'ast' in segment || segment.text.trim() !== '');
      if (found.length === 1 && 'ast' in found[0]!) return found;
      throw new ExpressionError(
        'This must be one expression.',
        0,
        text.length,
        'Write all of it inside one ${{ }}, or none of it.',
      );
    });
    const [segment] = segments;
    return segment && 'ast' in segment ? segment.ast : null;
  }

  /** Reports something at positions of the text of `node`. */
  reporter(node: ScalarNode, path: Path): Report {
    return (code: Code, at, message, hint) => {
      const details: Details = { path, hint };
      this.diagnostics.error(code, spanWithin(node, at.start, at.end), message, details);
    };
  }

  private once(node: ScalarNode, path: Path, parse: (text: string) => Segment[]): Segment[] {
    const known = this.parsed.get(node);
    if (known) return known;
    let segments: Segment[] = [];
    try {
      segments = parse(node.value as string);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.reporter(node, path)('bad-expression', error, error.message, error.hint);
    }
    this.parsed.set(node, segments);
    return segments;
  }
}

/** Every scalar below a node, with its path. */
export function* scalars(node: Node, path: Path): Generator<[ScalarNode, Path]> {
  if (node.kind === 'scalar') yield [node, path];
  else if (node.kind === 'list') {
    for (const [i, item] of node.items.entries()) yield* scalars(item, [...path, i]);
  } else for (const [key, { value }] of node.entries) yield* scalars(value, [...path, key]);
}

/**
 * Where a stretch of a scalar's text stands in the file. Quotes, escapes and block indentation shift it: the expression's text
 * is searched for, and the whole scalar named if it is written in another way.
 */
export function spanWithin(node: ScalarNode, start: number, end: number): Span {
  const { span } = node;
  if (typeof node.value !== 'string') return span;
  const raw = span.file.text.slice(span.start, span.end);
  const text = node.value;
  let shift = raw.indexOf(text);
  if (shift === -1) {
    const open = text.lastIndexOf('${{', start);
    const nth = text.slice(0, Math.max(open, 0) + 1).split('${{').length - 1;
    let at = -1;
    for (let i = 0; i < Math.max(nth, 1); i++) at = raw.indexOf('${{', at + 1);
    const wanted = text.slice(Math.max(open, 0), end);
    if (at === -1 || raw.slice(at, at + wanted.length) !== wanted) return span;
    shift = at - Math.max(open, 0);
  }
  return {
    file: span.file,
    start: span.start + shift + start,
    end: span.start + shift + Math.max(end, start + 1),
  };
}

/** What an expression refers to. */
export interface References {
  steps: Set<string>;
  inputs: Set<string>;
  matrix: boolean;
  /** Dimensions of the step's search. */
  search: Set<string>;
  seed: boolean;
  feedback: boolean;
}

export const noReferences = (): References => ({
  steps: new Set(),
  inputs: new Set(),
  matrix: false,
  search: new Set(),
  seed: false,
  feedback: false,
});

export function collectReferences(ast: Ast, into: References): void {
  switch (ast.op) {
    case 'name':
      if (ast.name === 'seed') into.seed = true;
      else if (ast.name === 'feedback') into.feedback = true;
      return;
    case 'member':
      if (ast.of.op === 'name' && ast.of.name === 'steps') into.steps.add(ast.name);
      else if (ast.of.op === 'name' && ast.of.name === 'inputs') into.inputs.add(ast.name);
      else if (ast.of.op === 'name' && ast.of.name === 'matrix') into.matrix = true;
      else if (ast.of.op === 'name' && ast.of.name === 'search') into.search.add(ast.name);
      else collectReferences(ast.of, into);
      return;
    case 'index':
      collectReferences(ast.of, into);
      collectReferences(ast.index, into);
      return;
    case 'call':
      for (const arg of ast.args) collectReferences(arg, into);
      return;
    case 'unary':
      collectReferences(ast.of, into);
      return;
    case 'binary':
      collectReferences(ast.left, into);
      collectReferences(ast.right, into);
      return;
    case 'literal':
      return;
  }
}

export function referencesBelow(node: Node | undefined, path: Path, sites: Sites, into: References): void {
  if (!node) return;
  for (const [scalar, at] of scalars(node, path)) {
    for (const segment of sites.segments(scalar, at) ?? [])
      if ('ast' in segment) collectReferences(segment.ast, into);
  }
}
