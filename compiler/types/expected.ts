import type { ArtifactType, Json } from '../../store/types.ts';
import type { Schema } from '../schema/types.ts';
import { dataType, type Type } from './type.ts';

/**
 * Whether a value of this type may stand where the schema describes what is wanted. Values known before the run are checked
 * against the whole schema elsewhere: here only their type counts.
 */
export function fits(type: Type, schema: Schema): boolean {
  if (type.type === 'any' || saysNothing(schema)) return true;
  if (type.type === 'union') return type.of.every((one) => fits(one, schema));
  if (type.type === 'points') {
    const data = dataType(type);
    return data !== null && fits(data, schema);
  }
  const artifacts = artifactsOf(schema);
  if (artifacts) return type.type === 'artifact' && type.artifacts.every((one) => artifacts.includes(one));
  if (schema['x-secret']) return type.type === 'secret';
  if (schema['x-path']) return type.type === 'string';
  if (schema['x-type'] === 'metric') return type.type === 'metric';
  if (isFeedback(schema)) return ['feedback', 'map'].includes(type.type);
  const branches = schema.anyOf ?? (schema.discriminator ? undefined : schema.oneOf);
  if (branches) return branches.some((branch) => fits(type, branch));
  if (type.type === 'list') return allows(schema, 'array') && (!schema.items || fits(type.of, schema.items));
  return plainFits(type.type, schema);
}

function plainFits(type: Exclude<Type['type'], 'list' | 'union' | 'points'>, schema: Schema): boolean {
  switch (type) {
    case 'integer':
      return allows(schema, 'integer') || allows(schema, 'number');
    case 'number':
      return allows(schema, 'number');
    // Its number fits where numbers do, by a conversion.
    case 'metric':
      return schema.type === undefined && schema.enum === undefined;
    case 'string':
    case 'boolean':
    case 'null':
      return allows(schema, type);
    case 'map':
      return allows(schema, 'object');
    default:
      return false;
  }
}

const saysNothing = (schema: Schema) =>
  Object.keys(schema).every((key) => key === 'description' || key === 'default');

/** By `type`, else by the values listed. A schema that says nothing allows everything. */
function allows(schema: Schema, name: string): boolean {
  if (schema.type !== undefined) return [schema.type].flat().includes(name);
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values) return values.some((value) => typeNames(value).includes(name));
  return true;
}

function typeNames(value: Json): string[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number') return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
  return [typeof value];
}

export const artifactsOf = (schema: Schema): ArtifactType[] | undefined =>
  schema['x-artifact'] === undefined ? undefined : [schema['x-artifact']].flat();

const isFeedback = (schema: Schema) =>
  schema['x-type'] === 'feedback' || ['feedback', 'single-feedback'].includes(schema['x-shared'] ?? '');

/** Whether the schema wants a list and nothing else. */
export const wantsList = (schema: Schema) => schema.type === 'array';

/** For messages: what the schema wants. */
export function showExpected(schema: Schema): string {
  const artifacts = artifactsOf(schema);
  if (artifacts) return `${/^[aeiou]/.test(artifacts[0]!) ? 'an' : 'a'} ${artifacts.join(' or ')} artifact`;
  if (schema['x-secret']) return 'a secret';
  if (schema['x-path']) return schema['x-path'] === 'file' ? 'the path of a file' : 'the path of a directory';
  if (schema['x-type'] === 'metric') return 'a metric';
  if (isFeedback(schema)) return 'a feedback';
  if (schema.enum) return oneOf(schema.enum);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const branches = schema.anyOf ?? (schema.type === undefined ? schema.oneOf : undefined);
  if (branches) return branches.map(showExpected).join(' or ');
  if (schema.type === 'array') {
    const items = schema.items ? artifactsOf(schema.items) : undefined;
    if (items) return `a list of ${items.join(' or ')} artifacts`;
    return schema.items?.type ? `a list of ${plural(schema.items)}` : 'a list';
  }
  const words: Record<string, string> = {
    integer: 'an integer',
    number: 'a number',
    string: 'text',
    boolean: 'true or false',
    object: 'a map',
    array: 'a list',
    null: 'nothing',
  };
  const types = [schema.type ?? []].flat();
  // Text that must be an expression.
  if (schema.pattern?.includes('{')) words.string = 'an expression';
  return types.length === 0 ? 'a value' : types.map((type) => words[type] ?? type).join(' or ');
}

const plural = (schema: Schema) =>
  ({
    integer: 'integers',
    number: 'numbers',
    string: 'texts',
    boolean: 'booleans',
    object: 'maps',
    array: 'lists',
  })[String(schema.type)] ?? 'values';

export const oneOf = (values: readonly Json[]) =>
  values.length === 1
    ? show(values[0]!)
    : `${values.slice(0, -1).map(show).join(', ')} or ${show(values.at(-1)!)}`;

const show = (value: Json) => (typeof value === 'string' ? value : JSON.stringify(value));
