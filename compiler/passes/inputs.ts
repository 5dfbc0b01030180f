import { posix } from 'node:path';
import type { Json } from '../../store/types.ts';
import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { Span } from '../source/file.ts';
import { child, describe, type MapNode, type Node, textOf, toJson } from '../source/tree.ts';
import { oneOf } from '../types/expected.ts';
import { BOOLEAN, INTEGER, NUMBER, STRING, type Type } from '../types/type.ts';
import { besides } from './assemble.ts';

export interface Input {
  type: Type;
  /** undefined: not given, and without a default. */
  value: Json | undefined;
  span: Span;
}

export interface InputOptions {
  /** `--set name=value`, as given. */
  set: Readonly<Record<string, string>>;
  /** Path of the experiment file. Paths in `set` are relative to where it is relative to. */
  main: string;
  /** Whether an input without a value is an error, or a value that only the run will know. */
  required: boolean;
  /** Whether `set` may name inputs that are not declared. */
  ignoreUnknown: boolean;
}

const TYPES: Record<string, Type> = {
  integer: INTEGER,
  number: NUMBER,
  boolean: BOOLEAN,
  string: STRING,
  path: STRING,
};

/** The declared inputs with their values: from `--set`, else the default. */
export function resolveInputs(
  root: MapNode,
  options: InputOptions,
  diagnostics: Diagnostics,
): Map<string, Input> {
  const inputs = new Map<string, Input>();
  const section = root.entries.get('inputs');
  const declared = section?.value.kind === 'map' ? section.value : undefined;
  for (const [name, entry] of declared?.entries ?? []) {
    if (entry.value.kind === 'map')
      inputs.set(name, inputOf(name, entry.key, entry.value, options, diagnostics));
  }
  const start: Span = section?.key ?? { ...root.span, end: root.span.start };
  for (const name of Object.keys(options.set)) {
    if (inputs.has(name) || options.ignoreUnknown) continue;
    diagnostics.error('unknown-input', start, `--set ${name}: there is no input ${name}.`, {
      path: ['inputs'],
      hint: didYouMean(name, inputs.keys(), 'Inputs') ?? 'This file declares no inputs.',
    });
  }
  return inputs;
}

function inputOf(
  name: string,
  key: Span,
  node: MapNode,
  options: InputOptions,
  diagnostics: Diagnostics,
): Input {
  const path = ['inputs', name];
  const declaredType = textOf(child(node, 'type')) ?? 'string';
  const type = TYPES[declaredType] ?? STRING;
  const standard = child(node, 'default');
  const given = options.set[name];
  const allowed = child(node, 'enum');
  if (standard?.kind === 'scalar') {
    const problem = problemWith(standard.value, declaredType, node);
    if (problem) {
      diagnostics.error('bad-default', standard.span, `The default of ${name} ${problem}.`, {
        path: [...path, 'default'],
      });
      return { type, value: undefined, span: key };
    }
  }
  if (given !== undefined) {
    const value = parsed(given, declaredType, options);
    const problem = problemWith(value, declaredType, node);
    if (!problem) return { type, value, span: key };
    diagnostics.error('bad-input', key, `--set ${name}=${given}: ${name} ${problem}.`, {
      path,
      hint: allowed ? undefined : textOf(child(node, 'description')),
    });
    return { type, value: undefined, span: key };
  }
  if (standard?.kind === 'scalar') {
    const isPath = declaredType === 'path' && typeof standard.value === 'string';
    const value = isPath
      ? pathName(options.main, besides(standard.span.file.path, String(standard.value)))
      : standard.value;
    return { type, value, span: key };
  }
  if (options.required) {
    diagnostics.error('missing-input', key, `The input ${name} has no default, and no value was given.`, {
      path,
      hint: `Give one: --set ${name}=${declaredType === 'path' ? 'PATH' : 'VALUE'}`,
    });
  }
  return { type, value: undefined, span: key };
}

/** The text of `--set` as the declared type; what does not fit stays text and is complained about. */
function parsed(text: string, type: string, options: InputOptions): Json {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if ((type === 'integer' || type === 'number') && text.trim() !== '' && Number.isFinite(Number(text)))
    return Number(text);
  if (type === 'path') return pathName(options.main, text);
  return text;
}

function problemWith(value: Json, type: string, node: MapNode): string | undefined {
  const actual = describe(value);
  if (type === 'boolean' && typeof value !== 'boolean') return `is true or false, not ${actual}`;
  if (type === 'integer' && !(typeof value === 'number' && Number.isInteger(value)))
    return `is an integer, not ${actual}`;
  if (type === 'number' && typeof value !== 'number') return `is a number, not ${actual}`;
  if ((type === 'string' || type === 'path') && typeof value !== 'string') return `is text, not ${actual}`;
  const minimum = numberAt(node, 'minimum');
  const maximum = numberAt(node, 'maximum');
  if (minimum !== undefined && typeof value === 'number' && value < minimum)
    return `is at least ${minimum}, not ${value}`;
  if (maximum !== undefined && typeof value === 'number' && value > maximum)
    return `is at most ${maximum}, not ${value}`;
  const allowed = child(node, 'enum');
  if (allowed?.kind === 'list') {
    const values = toJson(allowed) as Json[];
    if (!values.includes(value)) return `is ${oneOf(values)}, not ${actual}`;
  }
  return undefined;
}

const numberAt = (node: Node, key: string): number | undefined => {
  const found = child(node, key);
  return found?.kind === 'scalar' && typeof found.value === 'number' ? found.value : undefined;
};

/** A path as the plan names it: relative to the experiment file's directory, wherever the program is started. */
export const pathName = (main: string, path: string) =>
  posix.isAbsolute(path) ? posix.normalize(path) : posix.relative(posix.dirname(main), path) || '.';
