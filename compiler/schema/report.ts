import type { ErrorObject } from 'ajv';
import type { Json } from '../../store/types.ts';
import type { Code } from '../diagnostics/codes.ts';
import type { Diagnostics, Path } from '../diagnostics/diagnostic.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { Span } from '../source/file.ts';
import { describe, locate, type Node } from '../source/tree.ts';
import { oneOf, showExpected } from '../types/expected.ts';
import type { Schema } from './types.ts';

/** A schema error in words, without a place. */
export interface Problem {
  code: Code;
  /** From the value that was validated. */
  path: (string | number)[];
  /** The key at fault, where it is a key rather than a value. */
  key?: string;
  message: string;
  hint?: string | undefined;
  /** The key that is missing. */
  missing?: string;
}

/** What the validators found, in words. `value` is what was validated; `schema` what it should have been. */
export function problemsOf(errors: readonly ErrorObject[], value: Json, schema: Schema): Problem[] {
  const problems: Problem[] = [];
  const alternatives = errors
    .filter(({ keyword }) => keyword === 'anyOf')
    .map(({ instancePath }) => instancePath);
  for (const error of errors) {
    // `if` only says that the expression's alternative failed; branches of an `anyOf` are summed up by it.
    if (error.keyword === 'if' || error.propertyName !== undefined) continue;
    if (
      error.keyword !== 'anyOf' &&
      /\/anyOf\/\d+\//.test(error.schemaPath) &&
      alternatives.some((path) => error.instancePath.startsWith(path))
    ) {
      continue;
    }
    const problem = problemOf(error, value, schema);
    if (problem) problems.push(problem);
  }
  return withoutMisspelt(problems);
}

/** A key that is missing because it was misspelt is not missing as well. */
function withoutMisspelt(problems: Problem[]): Problem[] {
  const meant = new Set(
    problems.flatMap(({ code, path, hint }) => {
      const guess = code === 'unknown-key' ? /^Did you mean (.*)\?$/.exec(hint ?? '')?.[1] : undefined;
      return guess === undefined ? [] : [[...path, guess].join(' ')];
    }),
  );
  return problems.filter(
    ({ code, path, missing }) => code !== 'missing-key' || !meant.has([...path, missing].join(' ')),
  );
}

/** Puts problems where they were written. */
export function reportProblems(
  problems: readonly Problem[],
  node: Node,
  path: Path,
  diagnostics: Diagnostics,
): void {
  for (const problem of problems) {
    const full = [...path, ...problem.path];
    diagnostics.error(problem.code, placeOf(node, problem), problem.message, {
      hint: problem.hint,
      path: problem.key === undefined ? full : [...full, problem.key],
    });
  }
}

export function placeOf(node: Node, problem: Problem): Span {
  const { node: found, entry } = locate(node, problem.path);
  if (problem.key !== undefined && found.kind === 'map') {
    const inner = found.entries.get(problem.key);
    if (inner) return inner.key;
  }
  // A whole map is too much to underline: its key, or where it starts.
  if (found === node && found.kind === 'map' && found.entries.size === 0) return found.span;
  if (found.kind !== 'scalar' || found.span.start === found.span.end) {
    return entry && found !== node
      ? entry.key
      : { ...found.span, end: Math.min(found.span.end, found.span.start + 1) };
  }
  return found.span;
}

function problemOf(error: ErrorObject, value: Json, root: Schema): Problem | null {
  const path = pointer(error.instancePath, value);
  const at = path.at(-1);
  const name =
    typeof at === 'string'
      ? at
      : typeof at === 'number'
        ? `element ${at + 1} of ${String(path.at(-2))}`
        : 'this';
  const actual = valueAt(value, path);
  const schema = schemaAt(root, path, value);
  const params = error.params as Record<string, unknown>;
  const bad = (message: string, hint?: string): Problem => ({
    code: 'bad-value',
    path,
    message: `${name} ${message}`,
    hint,
  });
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      return {
        code: 'unknown-key',
        path,
        key,
        message: `${key} means nothing here.`,
        hint: keyHint(key, schema, actual),
      };
    }
    case 'required': {
      const key = String(params.missingProperty);
      const missing = schema?.properties?.[key] ?? (tagsOf(schema, key) ? {} : undefined);
      const hint = missing
        ? `It takes ${tagsOf(schema, key) ?? showExpected(missing)}${missing.description ? `: ${lowerFirst(missing.description)}` : '.'}`
        : undefined;
      return { code: 'missing-key', path, message: `${key} is missing here.`, hint, missing: key };
    }
    case 'type':
      return {
        code: 'wrong-type',
        path,
        message: `${name} takes ${schema ? showExpected(schema) : params.type}${actual === null ? ', and has no value' : `, not ${describe(actual)}`}.`,
        hint: typeHint(actual, schema),
      };
    case 'enum': {
      const allowed = params.allowedValues as Json[];
      const guess = didYouMean(String(actual), allowed.map(String), 'Allowed');
      return {
        code: 'bad-value',
        path,
        message: `${name} takes ${oneOf(allowed)}, not ${describe(actual)}.`,
        hint: guess?.startsWith('Did') ? guess : undefined,
      };
    }
    case 'const':
      if (name === 'version' && path.length === 1) {
        return {
          code: 'bad-version',
          path,
          message: `This file has version ${JSON.stringify(actual)}; this program reads version 1.`,
        };
      }
      return bad(`must be ${JSON.stringify(params.allowedValue)}, not ${describe(actual)}.`);
    case 'discriminator':
      return tagProblem(path, params, actual, schema);
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
    case 'exclusiveMaximum':
      return bad(`must be ${relation(String(params.comparison))} ${params.limit}, not ${actual}.`);
    case 'multipleOf':
      return bad(`must be a multiple of ${params.multipleOf}, not ${actual}.`);
    case 'minItems':
      if (Array.isArray(actual) && actual.length === 0) return bad('is an empty list.');
      return bad(`takes at least ${params.limit}, not ${describe(actual)}.`);
    case 'maxItems':
      return bad(`takes at most ${params.limit}, not ${describe(actual)}.`);
    case 'minProperties':
      return bad('is empty.');
    case 'maxProperties':
      return bad(`takes ${params.limit === 1 ? 'one key' : `at most ${params.limit} keys`}.`);
    case 'minLength':
      return bad('is empty.');
    case 'maxLength':
      return bad(`is longer than ${params.limit} characters.`);
    case 'uniqueItems':
      return bad(`has the same value twice, at ${Number(params.j) + 1} and ${Number(params.i) + 1}.`);
    case 'pattern':
      return {
        code: 'bad-value',
        path,
        message: `${name} cannot be ${describe(actual)}.`,
        hint: patternHint(schema),
      };
    case 'propertyNames':
      return {
        code: 'bad-name',
        path,
        key: String(params.propertyName),
        message: `${JSON.stringify(params.propertyName)} is no name.`,
        hint: 'Names have letters, digits, hyphens and underscores, and start with a letter.',
      };
    case 'anyOf':
    case 'oneOf':
      return {
        code: 'wrong-type',
        path,
        message: `${name} takes ${schema ? showExpected(schema) : 'something else'}, not ${describe(actual)}.`,
      };
    case 'not':
      return exclusiveProblem(error, path, root);
    case 'false schema':
      return bad('has no place here.', schema?.description);
    default:
      return bad(`${error.message ?? 'is not allowed'}.`);
  }
}

/** `if: { required: [a] }, then: { not: { required: [b] } }`: a and b exclude each other. */
function exclusiveProblem(error: ErrorObject, path: (string | number)[], root: Schema): Problem {
  const names = [root.if, root.then?.not].flatMap((schema) => schema?.required ?? []);
  if (error.schemaPath !== '#/then/not' || names.length < 2) {
    return { code: 'bad-value', path, message: 'This combination is not allowed.', hint: root.description };
  }
  const last = names.at(-1)!;
  return {
    code: 'bad-value',
    path,
    key: last,
    message: `${names.join(' and ')} exclude each other.`,
    hint: 'Keep one of them.',
  };
}

const relation = (comparison: string) =>
  ({ '>=': 'at least', '>': 'more than', '<=': 'at most', '<': 'less than' })[comparison] ?? comparison;

function keyHint(key: string, schema: Schema | undefined, actual: Json | undefined): string | undefined {
  const known = Object.keys(schema?.properties ?? {});
  const present = new Set(
    actual !== null && typeof actual === 'object' && !Array.isArray(actual) ? Object.keys(actual) : [],
  );
  const guess = didYouMean(key, known, 'Known here');
  // What is already there was not meant.
  if (guess?.startsWith('Did')) return guess;
  return didYouMean(
    key,
    known.filter((name) => !present.has(name)),
    'Also known here',
  );
}

/** `word-level or byte-level`, if the key is the tag of alternatives. */
function tagsOf(schema: Schema | undefined, key: string): string | undefined {
  if (schema?.discriminator?.propertyName !== key) return undefined;
  const tags = (schema.oneOf ?? []).map((branch) => branch.properties?.[key]?.const);
  return oneOf(tags.filter((tag) => tag !== undefined));
}

function tagProblem(
  path: (string | number)[],
  params: Record<string, unknown>,
  actual: Json | undefined,
  schema: Schema | undefined,
): Problem {
  const tag = String(params.tag);
  const tags = (schema?.oneOf ?? [])
    .map((branch) => branch.properties?.[tag]?.const)
    .filter((value) => value !== undefined);
  const found =
    actual !== null && typeof actual === 'object' && !Array.isArray(actual) ? actual[tag] : undefined;
  if (found === undefined) {
    return { code: 'missing-key', path, message: `${tag} is missing here.`, hint: `It is ${oneOf(tags)}.` };
  }
  const computed = typeof found === 'string' && found.includes('${{');
  return {
    code: 'bad-value',
    path: [...path, tag],
    message: `${tag} takes ${oneOf(tags)}, not ${describe(found)}.`,
    hint: computed
      ? 'It decides what else is allowed here, so it is written out.'
      : didYouMean(String(found), tags.map(String), 'Allowed'),
  };
}

function typeHint(actual: Json | undefined, schema: Schema | undefined): string | undefined {
  const types = [schema?.type ?? []].flat();
  if (typeof actual === 'string') {
    if (types.includes('boolean') && /^(yes|no|on|off|y|n)$/i.test(actual)) {
      return `Write ${/^(yes|on|y)$/i.test(actual) ? 'true' : 'false'}: in YAML 1.2 ${actual} is text.`;
    }
    if (
      (types.includes('number') || types.includes('integer')) &&
      actual.trim() !== '' &&
      Number.isFinite(Number(actual))
    ) {
      return `Remove the quotes: ${actual}.`;
    }
  }
  if (
    types.includes('array') &&
    actual !== undefined &&
    actual !== null &&
    !Array.isArray(actual) &&
    typeof actual !== 'object'
  ) {
    return `Write [${typeof actual === 'string' ? actual : JSON.stringify(actual)}].`;
  }
  if (types.includes('string') && schema?.examples) return patternHint(schema);
  if (actual === null) return 'There is nothing after the colon.';
  if (types.includes('integer') && typeof actual === 'number')
    return `The nearest integer is ${Math.round(actual)}.`;
  return undefined;
}

function patternHint(schema: Schema | undefined): string | undefined {
  const { description, examples } = schema ?? {};
  return examples ? `Write it like ${examples.map(String).join(', ')}.` : description;
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

/** JSON Pointer to path; indices of lists as numbers. */
function pointer(text: string, value: Json): (string | number)[] {
  const path: (string | number)[] = [];
  let current: Json | undefined = value;
  for (const part of text.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const step: string | number = Array.isArray(current) ? Number(name) : name;
    path.push(step);
    current = inside(current, step);
  }
  return path;
}

const inside = (value: Json | undefined, part: string | number): Json | undefined =>
  value !== null && typeof value === 'object' ? (value as Record<string | number, Json>)[part] : undefined;

export const valueAt = (value: Json, path: readonly (string | number)[]): Json | undefined =>
  path.reduce<Json | undefined>((current, part) => inside(current, part), value);

/** The schema for what is at `path`, alternatives chosen by their tag. */
export function schemaAt(
  root: Schema,
  path: readonly (string | number)[],
  value: Json | undefined,
): Schema | undefined {
  let schema: Schema | undefined = chosen(root, value);
  let current: Json | undefined = value;
  for (const part of path) {
    current = inside(current, part);
    const next: Schema | undefined =
      typeof part === 'number'
        ? schema?.items
        : (schema?.properties?.[part] ??
          (typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined));
    schema = next && chosen(next, current);
  }
  return schema;
}

/** The branch of a tagged alternative that the value's tag names, with what it shares with the others. */
export function chosen(schema: Schema, value: unknown): Schema {
  const tag = schema.discriminator?.propertyName;
  if (!tag || !schema.oneOf || value === null || typeof value !== 'object') return schema;
  const wanted = (value as Record<string, unknown>)[tag];
  const branch = schema.oneOf.find(({ properties }) => properties?.[tag]?.const === wanted);
  return branch ?? schema;
}
