import { relative, sep } from 'node:path';
import { inspect } from 'node:util';
import type { Json } from '../store/types.ts';
import {
  type BodyResult,
  type ChildMessage,
  ComputeError,
  type JobDescription,
  type LocalArtifact,
  type ParentMessage,
} from './types.ts';

/** Validation of what crosses the channel between parent and child: each side trusts only what it has looked at. */

const string = (value: unknown) => typeof value === 'string';
const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const number = (value: unknown) => typeof value === 'number';
const boolean = (value: unknown) => typeof value === 'boolean';
const object = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Not a Map, a typed array or another class's instance: JSON would lose what they hold. */
export function plain(value: unknown): value is Record<string, unknown> {
  if (!object(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
const numbers = (value: unknown) => object(value) && Object.values(value).every(number);
const optional = (check: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined || check(value);

type Checks = Record<string, Record<string, (value: unknown) => boolean>>;

const CHILD: { [T in ChildMessage['type']]: Record<string, (value: unknown) => boolean> } = {
  started: { environment: object },
  progress: { member: count, done: number, total: number, metrics: numbers },
  log: { member: count, message: string },
  checkpoint: { member: count, step: count, directory: string, seconds: number },
  result: { member: count, result: object, environment: object, usage: numbers },
  suspended: { member: count, step: count, total: count },
  stopped: { member: count },
  failure: {
    member: count,
    code: string,
    message: string,
    retryable: boolean,
    hint: optional(string),
    retryAfterSeconds: optional(number),
    stack: optional(string),
  },
};

const PARENT: { [T in ParentMessage['type']]: Record<string, (value: unknown) => boolean> } = {
  start: { jobs: (value) => Array.isArray(value) && value.length > 0 && value.every(object) },
  'checkpoint-stored': { member: count, step: count },
  stop: { member: count, reason: string },
  drop: { member: count },
};

export function parseChildMessage(raw: unknown): ChildMessage {
  return parse(raw, CHILD, 'child') as ChildMessage;
}

export function parseParentMessage(raw: unknown): ParentMessage {
  return parse(raw, PARENT, 'parent') as ParentMessage;
}

function parse(raw: unknown, checks: Checks, from: string): unknown {
  const fields = object(raw) && typeof raw.type === 'string' ? checks[raw.type] : undefined;
  if (fields === undefined || !object(raw)) {
    throw new ComputeError('internal', `unknown message from the ${from}: ${shown(raw)}`);
  }
  for (const [name, check] of Object.entries(fields)) {
    if (check(raw[name])) continue;
    throw new ComputeError(
      'internal',
      `message ${raw.type} from the ${from}: ${name} is ${shown(raw[name])}`,
    );
  }
  return raw;
}

/** The channel carries more than JSON can tell: a bigint, a value that holds itself. */
function shown(value: unknown): string {
  return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 }).slice(
    0,
    200,
  );
}

/** Deeper values are no results, and could not be told from one that holds itself. */
const DEEPEST = 100;

/**
 * A body's result must survive the trip to the record unchanged: plain JSON, finite numbers, artifacts that lie in the
 * attempt's own directory.
 */
export function checkResult(result: BodyResult, job: Pick<JobDescription, 'kind' | 'workDirectory'>): void {
  const wrong = (what: string): never => {
    throw new ComputeError('internal', `${job.kind} returned a result that cannot be kept: ${what}.`);
  };
  if (!object(result) || !object(result.outputs) || !object(result.metrics))
    wrong('it needs outputs and metrics');
  const local = (value: LocalArtifact, path: string) => {
    const inside = relative(job.workDirectory, value.directory);
    if (inside === '' || inside.startsWith(`..${sep}`) || inside === '..')
      wrong(`${path} lies outside of the work directory`);
  };
  for (const [name, value] of Object.entries(result.outputs)) {
    const items = Array.isArray(value) && value.some(isLocalArtifact) ? value : [value];
    items.forEach((item, i) => {
      const path = items === value ? `outputs.${name}[${i}]` : `outputs.${name}`;
      if (isLocalArtifact(item)) local(item, path);
      else checkJson(item, path, wrong);
    });
  }
  for (const [name, metric] of Object.entries(result.metrics)) {
    if (!object(metric) || typeof metric.value !== 'number') wrong(`metrics.${name} has no value`);
    checkJson(metric, `metrics.${name}`, wrong);
  }
  const { dollars } = result;
  if (dollars !== undefined && !(Number.isFinite(dollars) && dollars >= 0)) wrong(`dollars is ${dollars}`);
}

export function isLocalArtifact(value: unknown): value is LocalArtifact {
  return object(value) && typeof value.$local === 'string' && typeof value.directory === 'string';
}

function checkJson(
  value: unknown,
  path: string,
  wrong: (what: string) => never,
  depth = 0,
): asserts value is Json {
  if (depth > DEEPEST) wrong(`${path.slice(0, 200)} is nested more than ${DEEPEST} levels deep`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) wrong(`${path} is ${value}; leave out what is not defined`);
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkJson(item, `${path}[${i}]`, wrong, depth + 1);
  } else if (plain(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) checkJson(item, `${path}.${key}`, wrong, depth + 1);
    }
  } else wrong(`${path} is ${Object.prototype.toString.call(value)}`);
}
