import type { Json } from '../../store/types.ts';
import type { Path } from '../diagnostics/diagnostic.ts';
import { check } from '../expressions/check.ts';
import { METRIC_FIELDS } from '../expressions/check-member.ts';
import type { Environment } from '../expressions/environment.ts';
import type { Segment } from '../expressions/template.ts';
import type { Expression, ParamTree } from '../plan/types.ts';
import { chosen } from '../schema/report.ts';
import type { Schema } from '../schema/types.ts';
import type { MapNode, Node, ScalarNode } from '../source/tree.ts';
import { describe, textOf } from '../source/tree.ts';
import { artifactsOf, fits, showExpected, wantsList } from '../types/expected.ts';
import { dataType, fromJson, isNumeric, STRING, show, type Type, union } from '../types/type.ts';
import { besides } from './assemble.ts';
import { pathName } from './inputs.ts';
import type { Sites } from './sites.ts';
import { spanWithin } from './sites.ts';

/** From what a person wrote to what the plan holds: expressions checked and converted, defaults filled in, paths named. */
export class Lowering {
  /** Names of secrets met. */
  readonly secrets = new Set<string>();

  constructor(
    private readonly sites: Sites,
    private readonly env: Environment,
    /** Path of the experiment file. */
    private readonly main: string,
    /** Axes of which some combinations lack a value: there a parameter's default holds. */
    private readonly partial: boolean = false,
  ) {}

  /** A map of parameters. */
  parameters(node: MapNode | undefined, schema: Schema, path: Path): Record<string, ParamTree> {
    return this.map(node, schema, path) as Record<string, ParamTree>;
  }

  /** A value that no schema describes: of a matrix, say. */
  free(node: Node, path: Path): { tree: ParamTree; type: Type } {
    if (node.kind === 'list') {
      const items = node.items.map((item, i) => this.free(item, [...path, i]));
      const type: Type = { type: 'list', of: union(items.map((item) => item.type)), bound: items.length };
      return { tree: items.map((item) => item.tree), type };
    }
    if (node.kind === 'map') return { tree: this.map(node, {}, path), type: { type: 'map' } };
    const segments = this.sites.segments(node, path);
    if (!segments) return { tree: node.value, type: fromJson(node.value) };
    const [only] = segments;
    if (segments.length === 1 && only && 'ast' in only) {
      const { expression, type } = check(
        only.ast,
        { ...this.env, secrets: false },
        this.sites.reporter(node, path),
      );
      return { tree: { $expr: expression }, type };
    }
    return { tree: this.concatenation(node, segments, path), type: STRING };
  }

  private node(node: Node, schema: Schema, path: Path): ParamTree {
    if (node.kind === 'scalar') return this.scalar(node, schema, path);
    if (artifactsOf(schema) || schema['x-secret'] || schema['x-path'] || schema['x-type'] === 'metric') {
      this.wrong(node, schema, path, describe(node.kind === 'list' ? [] : {}));
      return null;
    }
    if (node.kind === 'list') {
      const items = schema.items ?? {};
      return node.items.map((item, i) => this.node(item, items, [...path, i]));
    }
    return this.map(node, schema, path);
  }

  private map(node: MapNode | undefined, schema: Schema, path: Path): { [key: string]: ParamTree } {
    const tags: Record<string, unknown> = {};
    for (const [key, { value }] of node?.entries ?? [])
      tags[key] = value.kind === 'scalar' ? value.value : undefined;
    const own = chosen(schema, tags);
    const other = typeof own.additionalProperties === 'object' ? own.additionalProperties : {};
    const tree: Record<string, ParamTree> = {};
    for (const [key, { key: at, value }] of node?.entries ?? []) {
      if (key.startsWith('$') || key === '__proto__') {
        // Where only certain keys are known, it is unknown already.
        if (own.additionalProperties === false) continue;
        this.sites.diagnostics.error('reserved-key', at, `${key} cannot be a key here.`, {
          path: [...path, key],
        });
        continue;
      }
      tree[key] = this.node(value, own.properties?.[key] ?? other, [...path, key]);
    }
    fillDefaults(tree, own);
    return tree;
  }

  private scalar(node: ScalarNode, schema: Schema, path: Path): ParamTree {
    const segments = this.sites.segments(node, path);
    if (!segments) return this.literal(node, schema, path);
    const [only] = segments;
    if (!only) return null;
    if (segments.length === 1 && 'ast' in only) return this.whole(node, only, schema, path);
    if (!fits(STRING, schema)) {
      this.wrong(
        node,
        schema,
        path,
        'text around an expression',
        'Only the expression itself may stand here, without quotes or text around it.',
      );
    }
    return this.onPath(this.concatenation(node, segments, path), schema, node, path);
  }

  /** A value that is one expression. */
  private whole(
    node: ScalarNode,
    segment: Extract<Segment, { ast: unknown }>,
    schema: Schema,
    path: Path,
  ): ParamTree {
    const env = { ...this.env, secrets: schema['x-secret'] === true };
    const { type, expression } = check(segment.ast, env, this.sites.reporter(node, path));
    if (segment.ast.op === 'member' && type.type === 'secret') {
      this.secrets.add(segment.ast.name);
      return { $secret: segment.ast.name };
    }
    const converted = this.converted(type, expression, schema);
    if (converted) return this.onPath(this.withDefault({ $expr: converted }, schema), schema, node, path);
    const at = spanWithin(node, segment.ast.start, segment.ast.end);
    const name = String(path.at(-1));
    const found =
      dataType(type) === null && type.type === 'points'
        ? `${type.step}, which gives nothing to pass on`
        : show(type);
    this.sites.diagnostics.error(
      'type-mismatch',
      at,
      `${name} takes ${showExpected(schema)}; this is ${found}.`,
      {
        path,
        hint: this.conversionHint(type, schema),
      },
    );
    return null;
  }

  /** The expression as the schema wants it: a list of one, one of a selection, a metric's number. null when it cannot be. */
  private converted(type: Type, expression: Expression, schema: Schema): Expression | null {
    const data = dataType(type);
    if (data === null) return null;
    if (fits(type, schema)) return expression;
    const call = (name: string): Expression => ({ op: 'call', function: name, args: [expression] });
    if (wantsList(schema) && data.type !== 'list')
      return fits(type, schema.items ?? {}) ? call('$list') : null;
    if (type.type === 'points' && type.many && type.selected && type.value && fits(type.value, schema))
      return call('$single');
    const numeric = data.type === 'list' ? (schema.items ?? {}) : schema;
    if (
      isNumeric(data.type === 'list' ? data.of : data) &&
      fits({ type: 'number' }, numeric) &&
      holdsMetric(data)
    ) {
      return { op: 'member', of: expression, name: METRIC_FIELDS[0]! };
    }
    return this.isPlain(data) && this.isKnown(expression) && !takesReference(schema) ? expression : null;
  }

  /** Plain values known before the run are checked by what they are, not by their type: 6 / 2 is an integer. */
  private isPlain(type: Type): boolean {
    if (type.type === 'union') return type.of.every((one) => this.isPlain(one));
    return ['integer', 'number', 'string', 'boolean', 'null'].includes(type.type);
  }

  private isKnown(expression: Expression): boolean {
    return !refersTo(
      expression,
      (root, name) =>
        root === 'steps' ||
        (root === 'inputs' && this.env.unset.has(name)) ||
        (root === 'matrix' && !this.env.axes?.get(name)?.labels) ||
        (root === 'search' && !this.env.search?.get(name)?.labels),
    );
  }

  private conversionHint(type: Type, schema: Schema): string | undefined {
    const data = dataType(type);
    if (type.type === 'points' && type.many && type.value && fits(type.value, schema)) {
      if (this.env.steps.get(type.step)?.search && !type.best && !type.selected)
        return `${type.step} has many trials. The best of them: steps.${type.step}.best.`;
      return `${type.step} has many points: choose one with select(steps.${type.step}, 'axis', value), or give this step a matrix too.`;
    }
    if (data?.type === 'number' && fits({ type: 'integer' }, schema))
      return 'Use round(...), floor(...) or ceil(...).';
    if (type.type === 'points') {
      const outputs = this.env.steps.get(type.step)?.definition?.outputs ?? {};
      const names = Object.keys(outputs).filter((name) => {
        const declared = outputs[name]!;
        return declared.type === 'artifact' && artifactsOf(schema)?.includes(declared.artifact);
      });
      if (names.length > 0) return `Did you mean steps.${type.step}.${names[0]}?`;
    }
    return undefined;
  }

  private literal(node: ScalarNode, schema: Schema, path: Path): ParamTree {
    if (schema['x-path'] && typeof node.value === 'string') {
      const value = pathName(this.main, besides(node.span.file.path, node.value));
      return this.pathCall({ op: 'literal', value }, schema, node, path);
    }
    if (schema['x-secret']) {
      // One that looks like a key has been complained about.
      if (this.sites.diagnostics.count(path) > 0) return null;
      this.sites.diagnostics.error(
        'secret-as-text',
        node.span,
        `${String(path.at(-1))} is a secret, and must not be written here.`,
        {
          path,
          hint: 'Name an environment variable of the workers: ${{ secrets.NAME }}.',
        },
      );
      return null;
    }
    if (artifactsOf(schema) || schema['x-type'] === 'metric' || schema['x-path']) {
      const text = textOf(node);
      const step =
        text !== undefined && this.env.steps.has(text.replace(/^steps\./, ''))
          ? text.replace(/^steps\./, '')
          : undefined;
      this.wrong(node, schema, path, describe(node.value), step && `Did you mean \${{ steps.${step} }}?`);
      return null;
    }
    return node.value;
  }

  private wrong(node: Node, schema: Schema, path: Path, what: string, hint?: string): void {
    const span = node.kind === 'scalar' ? node.span : { ...node.span, end: node.span.start + 1 };
    const standard = artifactsOf(schema) ? 'Name the step that makes it: ${{ steps.NAME }}.' : undefined;
    this.sites.diagnostics.error(
      'wrong-type',
      span,
      `${String(path.at(-1))} takes ${showExpected(schema)}, not ${what}.`,
      {
        path,
        hint: hint ?? standard,
      },
    );
  }

  private concatenation(node: ScalarNode, segments: Segment[], path: Path): ParamTree {
    const report = this.sites.reporter(node, path);
    const parts = segments.map((segment): ParamTree => {
      if (!('ast' in segment)) return segment.text;
      const { type, expression } = check(segment.ast, { ...this.env, secrets: false }, report);
      const data = dataType(type);
      if (!data || ['list', 'map', 'artifact', 'feedback'].includes(data.type)) {
        report(
          'type-mismatch',
          segment.ast,
          `${show(type)} cannot be part of a text.`,
          "Use join(list, ', ') for a list.",
        );
      }
      return { $expr: expression };
    });
    return { $concat: parts };
  }

  private withDefault(tree: { $expr: Expression }, schema: Schema): { $expr: Expression } {
    const { $expr } = tree;
    const isAxis = $expr.op === 'member' && $expr.of.op === 'name' && $expr.of.name === 'matrix';
    if (!this.partial || !isAxis || schema.default === undefined) return tree;
    return {
      $expr: { op: 'call', function: '$default', args: [$expr, { op: 'literal', value: schema.default }] },
    };
  }

  /** A path is looked up where the plan is made, so it must be known there. */
  private onPath(tree: ParamTree, schema: Schema, node: ScalarNode, path: Path): ParamTree {
    if (!schema['x-path'] || tree === null || typeof tree !== 'object') return tree;
    const expression =
      '$expr' in tree ? (tree.$expr as Expression) : concatCall((tree as { $concat: ParamTree[] }).$concat);
    if (refersTo(expression, (root) => root === 'steps')) {
      this.sites.diagnostics.error(
        'type-mismatch',
        node.span,
        `${String(path.at(-1))} takes a path that is known before the run.`,
        { path },
      );
    }
    return this.pathCall(expression, schema, node, path);
  }

  private pathCall(name: Expression, schema: Schema, node: ScalarNode, path: Path): ParamTree {
    if (schema['x-code']) this.sites.codeFiles.push({ node, path, name });
    return { $expr: { op: 'call', function: '$path', args: [name] } };
  }
}

/** A text with expressions in it, as an expression. */
const concatCall = (parts: ParamTree[]): Expression => ({
  op: 'call',
  function: '$concat',
  args: parts.map((part) =>
    typeof part === 'string' ? { op: 'literal', value: part } : (part as { $expr: Expression }).$expr,
  ),
});

const holdsMetric = (data: Type) =>
  data.type === 'metric' || (data.type === 'list' && data.of.type === 'metric');

/** Whether a part of the expression is `root.name` such that `test` holds. */
function refersTo(expression: Expression, test: (root: string, name: string) => boolean): boolean {
  const below = (inner: Expression) => refersTo(inner, test);
  switch (expression.op) {
    case 'member':
      return expression.of.op === 'name' ? test(expression.of.name, expression.name) : below(expression.of);
    case 'unary':
      return below(expression.of);
    case 'index':
      return below(expression.of) || below(expression.index);
    case 'call':
      return expression.args.some(below);
    case 'binary':
      return below(expression.left) || below(expression.right);
    default:
      return false;
  }
}

/** What no plain value can stand for. */
const takesReference = (schema: Schema) =>
  artifactsOf(schema) !== undefined || schema['x-secret'] === true || schema['x-type'] !== undefined;

/** Adds the defaults of absent fields, also inside maps that are there. Fields with `$` are conversions, not maps. */
export function fillDefaults(tree: { [key: string]: ParamTree }, schema: Schema): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (tree[name] === undefined && property.default !== undefined) tree[name] = copied(property.default);
    fillInside(tree[name], property);
  }
}

const copied = (value: Json): ParamTree =>
  (value === null || typeof value !== 'object' ? value : structuredClone(value)) as ParamTree;

function fillInside(value: ParamTree | undefined, schema: Schema): void {
  if (value === null || value === undefined || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) fillInside(item, schema.items);
    return;
  }
  if (Object.keys(value).some((key) => key.startsWith('$'))) return;
  fillDefaults(value as { [key: string]: ParamTree }, chosen(schema, value));
}
