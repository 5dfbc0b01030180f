import type { ArtifactType, Json } from '../../store/types.ts';
import type { ValueType } from '../kinds/types.ts';

/** What is known of a value before the run. */
export type Type =
  | {
      type:
        | 'any'
        | 'boolean'
        | 'integer'
        | 'number'
        | 'string'
        | 'null'
        | 'feedback'
        | 'metric'
        | 'secret'
        | 'map';
    }
  | { type: 'artifact'; artifacts: readonly ArtifactType[] }
  /** `bound`: the most elements that it can have, where known. */
  | { type: 'list'; of: Type; bound?: number }
  | { type: 'union'; of: readonly Type[] }
  /** One point of a step, or (`many`) several; `value` is what stands for each where data is wanted. */
  | {
      type: 'points';
      step: string;
      many: boolean;
      selected: boolean;
      value: Type | null;
      /** The best of each search: told apart by the axes of the matrix alone. */
      best?: boolean;
    };

export const ANY: Type = { type: 'any' };
export const BOOLEAN: Type = { type: 'boolean' };
export const INTEGER: Type = { type: 'integer' };
export const NUMBER: Type = { type: 'number' };
export const STRING: Type = { type: 'string' };
export const METRIC: Type = { type: 'metric' };

export function fromDeclared(
  declared: ValueType,
  params: Readonly<Record<string, Json | undefined>> = {},
): Type {
  if (declared.type === 'artifact') return { type: 'artifact', artifacts: [declared.artifact] };
  if (declared.type === 'list') {
    const bound = declared.atMost === undefined ? undefined : params[declared.atMost];
    const of = fromDeclared(declared.of, params);
    return typeof bound === 'number' ? { type: 'list', of, bound } : { type: 'list', of };
  }
  return { type: declared.type };
}

export function fromJson(value: Json): Type {
  if (value === null) return { type: 'null' };
  if (Array.isArray(value)) return { type: 'list', of: union(value.map(fromJson)), bound: value.length };
  if (typeof value === 'object') return { type: 'map' };
  if (typeof value === 'number') return Number.isInteger(value) ? INTEGER : NUMBER;
  return { type: typeof value as 'string' | 'boolean' };
}

/** The type of a value that is one of several. */
export function union(types: readonly Type[]): Type {
  const flat = types.flatMap((type) => (type.type === 'union' ? type.of : [type]));
  const distinct: Type[] = [];
  for (const type of flat) if (!distinct.some((other) => same(other, type))) distinct.push(type);
  if (distinct.length === 0 || distinct.some(({ type }) => type === 'any')) return ANY;
  if (distinct.length === 1) return distinct[0]!;
  if (distinct.every(({ type }) => type === 'integer' || type === 'number')) return NUMBER;
  return { type: 'union', of: distinct };
}

export const same = (a: Type, b: Type) => JSON.stringify(a) === JSON.stringify(b);

/** What a value is as data: points become the outputs that stand for them. null: they have none. */
export function dataType(type: Type): Type | null {
  if (type.type === 'points') {
    if (type.value === null) return null;
    return type.many ? { type: 'list', of: type.value } : type.value;
  }
  if (type.type === 'list') {
    const of = dataType(type.of);
    return of && { ...type, of };
  }
  if (type.type === 'union') {
    const of = type.of.map(dataType);
    return of.includes(null) ? null : union(of as Type[]);
  }
  return type;
}

/** Whether arithmetic can be done with it. */
export function isNumeric(type: Type): boolean {
  if (type.type === 'union') return type.of.every(isNumeric);
  const data = dataType(type);
  return data !== null && ['any', 'integer', 'number', 'metric'].includes(data.type);
}

/** Whether two values could ever be equal. */
export function comparable(a: Type, b: Type): boolean {
  if (a.type === 'any' || b.type === 'any') return true;
  if (a.type === 'union') return a.of.some((one) => comparable(one, b));
  if (b.type === 'union') return b.of.some((one) => comparable(a, one));
  if (a.type === 'null' || b.type === 'null') return true;
  // A point compares by itself and, as an axis label, by its name.
  if (a.type === 'points' || b.type === 'points') {
    const other = a.type === 'points' ? b : a;
    return other.type === 'points' || other.type === 'string' || comparesAsData(a, b);
  }
  if (isNumeric(a) && isNumeric(b)) return true;
  if (a.type === 'artifact' && b.type === 'artifact')
    return a.artifacts.some((one) => b.artifacts.includes(one));
  if (a.type === 'list' && b.type === 'list') return comparable(a.of, b.of);
  return a.type === b.type;
}

function comparesAsData(a: Type, b: Type): boolean {
  const x = dataType(a);
  const y = dataType(b);
  return x !== null && y !== null && x.type !== 'points' && y.type !== 'points' && comparable(x, y);
}

/** For messages: `a number`, `a list of sae artifacts`. */
export function show(type: Type, plural = false): string {
  const words: Record<string, [string, string]> = {
    any: ['a value', 'values'],
    boolean: ['true or false', 'booleans'],
    integer: ['an integer', 'integers'],
    number: ['a number', 'numbers'],
    string: ['text', 'texts'],
    null: ['nothing', 'nothings'],
    feedback: ['a feedback', 'feedbacks'],
    metric: ['a metric', 'metrics'],
    secret: ['a secret', 'secrets'],
    map: ['a map', 'maps'],
  };
  switch (type.type) {
    case 'artifact': {
      const name = type.artifacts.join(' or ');
      return plural ? `${name} artifacts` : `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name} artifact`;
    }
    case 'list':
      return `${plural ? 'lists' : 'a list'} of ${show(type.of, true)}`;
    case 'union':
      return type.of.map((one) => show(one, plural)).join(' or ');
    case 'points': {
      if (type.value === null) return type.many ? `points of ${type.step}` : `a point of ${type.step}`;
      return show(type.many ? { type: 'list', of: type.value } : type.value, plural);
    }
    default:
      return words[type.type]![plural ? 1 : 0];
  }
}
