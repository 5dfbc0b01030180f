import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { KINDS } from '../../compiler/kinds/registry.ts';
import type { ValueType } from '../../compiler/kinds/types.ts';
import { validateParameters } from '../../compiler/kinds/validate.ts';
import type { Schema } from '../../compiler/schema/types.ts';
import { schemas } from '../../schemas/generated/schemas.js';
import { parametersOf } from '../../schemas/generated/strict-validators.js';
import * as validators from '../../schemas/generated/validators.js';
import type { Json } from '../../store/types.ts';

const namesIn = (folder: string, suffix: string, but: string[] = []) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .filter((name) => !but.includes(name))
    .sort();

const ARTIFACT_TYPES = [...readFileSync('store/types.ts', 'utf8').matchAll(/^ {2}\| '([\w-]+)'/gm)].map(
  ([, name]) => name,
);

test('every kind has an entry, a line in the registry, a schema and a body', () => {
  const registered = [...KINDS.keys()].sort();
  expect(namesIn('compiler/kinds', '.ts', ['registry', 'types', 'validate'])).toEqual(registered);
  expect(namesIn('schemas/kinds', '.schema.json')).toEqual(registered);
  expect(registered.filter((name) => !existsSync(`activities/kinds/${name}.ts`))).toEqual([]);
  expect(Object.keys(parametersOf).sort()).toEqual(registered);
  expect(Object.keys(validators.withOf).sort()).toEqual(registered);
});

/** Every schema below one, with where it is. */
function* schemasBelow(schema: Schema, path: string): Generator<[Schema, string]> {
  yield [schema, path];
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    yield* schemasBelow(inner, `${path}.${name}`);
  if (schema.items) yield* schemasBelow(schema.items, `${path}[]`);
  for (const [i, inner] of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].entries())
    yield* schemasBelow(inner, `${path}|${i}`);
  if (typeof schema.additionalProperties === 'object')
    yield* schemasBelow(schema.additionalProperties, `${path}.*`);
}

function* leaves(type: ValueType): Generator<ValueType> {
  if (type.type === 'list') yield* leaves(type.of);
  else yield type;
}

/** Something that the schema allows: what is required, and the smallest values. */
function sample(schema: Schema): Json {
  const artifact = schema['x-artifact'];
  if (artifact) return { $artifact: [artifact].flat()[0]!, digest: '0'.repeat(64), directory: '/tmp' };
  if (schema['x-secret']) return { $secret: 'KEY' };
  if (schema['x-path']) return { $path: '/tmp/x', sha256: '0'.repeat(64) };
  if (schema['x-type'] === 'metric') return { value: 1 };
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0]!;
  if (schema.examples) return schema.examples[0]!;
  if (schema.default !== undefined && schema.type !== 'object') return schema.default;
  const branch = schema.oneOf?.[0] ?? schema.anyOf?.[0];
  if (branch) return sample(branch);
  switch ([schema.type].flat()[0]) {
    case 'object': {
      const required = [...(schema.required ?? []), ...(schema.else?.required ?? [])];
      return Object.fromEntries(required.map((name) => [name, sample(schema.properties![name]!)]));
    }
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items!));
    case 'string':
      return 'some text';
    case 'boolean':
      return true;
    case 'integer':
      return Math.max(1, Math.ceil(schema.minimum ?? 1));
    default:
      return Math.max(0.5, schema.minimum ?? 0.5);
  }
}

describe.each([...KINDS])('%s', (name, kind) => {
  const schema = schemas.kinds[name]!;

  test('calls itself so, and says what it gives and measures', () => {
    expect(kind.name).toBe(name);
    expect(schema.title).toBe(name);
    expect(Number.isInteger(kind.version) && kind.version >= 1).toBe(true);
    expect(kind.title.length).toBeGreaterThan(5);
    if (kind.primary !== undefined) expect(Object.keys(kind.outputs)).toContain(kind.primary);
    for (const [output, type] of Object.entries(kind.outputs)) {
      expect(output).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(['output', 'metrics', 'matrix']).not.toContain(output);
      for (const leaf of leaves(type))
        if (leaf.type === 'artifact') expect(ARTIFACT_TYPES).toContain(leaf.artifact);
      if (type.type === 'list' && type.atMost) expect(Object.keys(schema.properties!)).toContain(type.atMost);
    }
    for (const [output, parameter] of Object.entries(kind.outputsWith ?? {})) {
      expect(Object.keys(kind.outputs)).toContain(output);
      expect(Object.keys(schema.properties!)).toContain(parameter);
    }
    const { state } = kind.outputs;
    expect('continue' in schema.properties!).toBe(state !== undefined);
    expect(kind.lengthParameters !== undefined).toBe(state !== undefined);
    expect(Object.keys(schema.properties!)).toEqual(expect.arrayContaining(kind.lengthParameters ?? []));
    for (const [metric, definition] of Object.entries(kind.metrics)) {
      expect(metric).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(definition.length).toBeGreaterThan(5);
    }
  });

  test('has bounded retries and times', () => {
    expect(kind.retry.attempts).toBeGreaterThanOrEqual(1);
    expect(kind.retry.attempts).toBeLessThanOrEqual(100);
    expect(kind.retry.backoffSeconds).toBeGreaterThan(0);
    expect(kind.stallSeconds).toBeGreaterThan(0);
    expect(kind.timeoutSeconds).toBeGreaterThanOrEqual(kind.stallSeconds);
  });

  test('describes every parameter, and allows no other', () => {
    expect(schema.description?.length).toBeGreaterThan(10);
    for (const [inner, path] of schemasBelow(schema, name)) {
      if (inner.properties) {
        expect(inner.additionalProperties, path).toBe(false);
        for (const [key, property] of Object.entries(inner.properties)) {
          expect(key, path).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
          if (property.const === undefined)
            expect(property.description?.length, `${path}.${key}`).toBeGreaterThan(3);
          if (inner.required?.includes(key))
            expect(property.default, `${path}.${key} is required`).toBeUndefined();
        }
      }
      for (const type of [inner['x-artifact'] ?? []].flat()) expect(ARTIFACT_TYPES, path).toContain(type);
    }
  });

  test('has defaults that it allows itself', () => {
    for (const [inner, path] of schemasBelow(schema, name)) {
      if (inner.default === undefined || inner['x-type']) continue;
      const { problems } = validateParameters(name, {
        ...(sample(schema) as object),
        ...atPath(path.slice(name.length + 1), inner.default),
      });
      expect(
        problems.filter((problem) => problem.path.startsWith(path.slice(name.length + 1).split(/[.[|]/)[0]!)),
      ).toEqual([]);
    }
  });

  test('leaves only parameters that it has out of its keys', () => {
    for (const path of kind.notInKey ?? []) {
      const found = [...schemasBelow(schema, '')].some(
        ([, at]) => at.replaceAll(/\|\d+/g, '') === `.${path}`,
      );
      expect(found, path).toBe(true);
    }
  });

  test('names parameters that it has, where it says what its points read alike', () => {
    expect(Object.keys(schema.properties!)).toEqual(expect.arrayContaining(kind.stream?.by ?? []));
    expect(kind.stream?.sharedBytes ?? 0).toBeLessThan(2 ** 32);
  });

  test('accepts what its schema asks for, with all defaults there, and refuses anything else', () => {
    const { params, problems } = validateParameters(name, sample(schema) as Record<string, Json>);
    expect(problems).toEqual([]);
    for (const [key, property] of Object.entries(schema.properties!))
      if (property.default !== undefined) expect(params).toHaveProperty([key]);
    expect(validateParameters(name, { ...params, 'no-such-parameter': 1 }).problems).toMatchObject([
      { path: 'no-such-parameter' },
    ]);
    for (const key of schema.required ?? []) {
      const { [key]: _missing, ...rest } = params;
      expect(validateParameters(name, rest).problems.length).toBeGreaterThan(0);
    }
  });

  test('estimates finite, sensible amounts, also when nothing is known yet', () => {
    const { params } = validateParameters(name, sample(schema) as Record<string, Json>);
    for (const estimate of [kind.estimate(params), kind.estimate({})]) {
      for (const amount of Object.values(estimate)) expect(Number.isFinite(amount) && amount >= 0).toBe(true);
      expect(estimate.memoryBytes).toBeGreaterThan(1e6);
      expect(estimate.seconds).toBeGreaterThan(0);
    }
  });
});

/** `{ a: value }` for a top-level parameter; nothing for deeper ones, which the sample may lack. */
const atPath = (path: string, value: Json): Record<string, Json> =>
  /^[\w-]+$/.test(path) ? { [path]: value } : {};

test('resolved parameters are refused in words', () => {
  const { problems } = validateParameters('data.reviews-synthetic', { count: 0, neutral: 'much' });
  expect(problems).toEqual([
    { path: 'count', message: 'count must be at least 1, not 0.' },
    { path: 'neutral', message: 'neutral takes a number, not text "much".' },
  ]);
  expect(validateParameters('no.such-kind', {}).problems).toMatchObject([
    { message: 'there is no kind no.such-kind' },
  ]);
});
