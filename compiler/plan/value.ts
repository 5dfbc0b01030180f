import { canonicalJson } from '../../store/canonical.ts';
import type { ArtifactRef, Json, Metric } from '../../store/types.ts';
import type { PlanStep, PointState } from './types.ts';

/** A value that only the run can tell: an output of a point that has not run yet. */
export const UNKNOWN = Symbol('unknown');

/** A point that will run: what it is called is known, what it gives is not. */
export interface PlannedPoint {
  status: 'planned';
  id: string;
  axes: Record<string, Json>;
  seed: number | null;
}

export type KnownPoint = PointState | PlannedPoint;

/** A point as a value: what `steps.base` is. Where plain data is wanted, it stands for one of its outputs. */
export class PointValue {
  constructor(
    readonly step: PlanStep,
    readonly point: KnownPoint,
    /** null: the primary output. */
    readonly output: string | null = null,
  ) {}

  /** Its name on an axis: its id without the seed, which the axis' own point has too. */
  get label(): string {
    const { id, seed } = this.point;
    const name =
      seed === null
        ? id
        : id.replace(new RegExp(`(\\[|,)seed=${seed}\\]$`), (_, c) => (c === ',' ? ']' : ''));
    return this.output === null ? name : `${name}.${this.output}`;
  }
}

/** Points of one step, in expansion order: what `steps.saes` is when it has a matrix. */
export class PointsValue {
  constructor(
    readonly step: PlanStep,
    readonly points: readonly KnownPoint[],
    readonly output: string | null = null,
    /** A selection is indexed by position, a whole step by its axis. */
    readonly selected = false,
  ) {}

  values(): PointValue[] {
    return this.points.map((point) => new PointValue(this.step, point, this.output));
  }
}

/** `undefined`: an axis that this combination does not have. */
export type Value =
  | Json
  | typeof UNKNOWN
  | undefined
  | PointValue
  | PointsValue
  | Value[]
  | { [key: string]: Value };

/** A point that is needed failed, or was skipped. */
export class Unavailable extends Error {
  constructor(
    readonly failed: readonly string[],
    readonly skipped: readonly string[],
  ) {
    super(
      failed.length > 0
        ? `needs ${listed(failed)}, which failed`
        : `needs ${listed(skipped)}, which was skipped`,
    );
  }
}

/** An expression has no value here. */
export class EvaluationError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }

  /** The parameter whose expression it is, where known. */
  parameter?: string;
}

/** Plain data: points become their outputs, missing values null. */
export function plain(value: Value): Json | typeof UNKNOWN {
  if (value === undefined) return null;
  if (value === UNKNOWN) return value;
  if (value instanceof PointValue) return outputOf(value);
  const list = value instanceof PointsValue ? available(value) : value;
  if (Array.isArray(list)) {
    const items = list.map(plain);
    return items.includes(UNKNOWN) ? UNKNOWN : (items as Json[]);
  }
  if (list !== null && typeof list === 'object') {
    const copy: Record<string, Json> = {};
    for (const [name, inner] of Object.entries(list)) {
      const known = plain(inner);
      if (known === UNKNOWN) return UNKNOWN;
      copy[name] = known;
    }
    return copy;
  }
  return list as Json;
}

/**
 * Like `plain`, but a missing value stays missing (the parameter is left out), and a list of which only the length is known
 * stays a list.
 */
export function settled(value: Value): Value {
  if (value === undefined || value === UNKNOWN) return value;
  const list = value instanceof PointsValue ? available(value) : value;
  return Array.isArray(list) ? list.map(settled) : plain(list);
}

/** The points of a list that were not skipped. Every failed one is reported at once. */
export function available(value: PointsValue): PointValue[] {
  const failed = value.points.filter(({ status }) => status === 'failed');
  if (failed.length > 0)
    throw new Unavailable(
      failed.map(({ id }) => id),
      [],
    );
  return value.values().filter(({ point }) => point.status !== 'skipped');
}

/** An accepted point; UNKNOWN when it is still to run. */
export function accepted(value: PointValue): Extract<PointState, { status: 'accepted' }> | typeof UNKNOWN {
  const { point } = value;
  if (point.status === 'planned') return UNKNOWN;
  if (point.status === 'failed') throw new Unavailable([point.id], []);
  if (point.status === 'skipped') throw new Unavailable([], [point.id]);
  return point;
}

function outputOf(value: PointValue): Json | typeof UNKNOWN {
  const point = accepted(value);
  if (point === UNKNOWN) return UNKNOWN;
  const name = value.output ?? value.step.primary;
  const output = name === null ? undefined : point.outputs[name];
  if (output === undefined) {
    throw new EvaluationError('missing-output', `${point.id} gave no output ${name ?? ''}`.trimEnd());
  }
  return named(output, value.output === null ? point.id : `${point.id}.${value.output}`);
}

/** Says who made an artifact, for people: it is part of no key. */
function named(output: Json | ArtifactRef | ArtifactRef[], from: string): Json {
  if (Array.isArray(output)) return output.map((item) => named(item as Json, from));
  if (output !== null && typeof output === 'object' && '$artifact' in output)
    return { ...(output as object), from } as Json;
  return output as Json;
}

/** The number that a value stands for: itself, or the value of a metric. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (isMetric(value)) return value.value;
  return undefined;
}

export function isMetric(value: Value): value is Metric & { [key: string]: Json } {
  return (
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    !(value instanceof PointValue) &&
    !(value instanceof PointsValue) &&
    typeof (value as { value?: unknown }).value === 'number'
  );
}

/** Equal values have equal texts. Points and their labels are the same thing, so that `select` takes either. */
export function identity(value: Value): string | typeof UNKNOWN {
  if (value instanceof PointValue) return canonicalJson(value.label);
  const known = plain(value);
  if (known === UNKNOWN) return UNKNOWN;
  const artifact = known as Partial<ArtifactRef> | null;
  if (artifact !== null && typeof artifact === 'object' && artifact.$artifact)
    return `${artifact.$artifact} ${artifact.digest}`;
  return canonicalJson(known);
}

export function listed(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
