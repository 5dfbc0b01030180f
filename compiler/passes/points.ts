import { schemas } from '../../schemas/generated/schemas.js';
import * as validators from '../../schemas/generated/validators.js';
import type { Json } from '../../store/types.ts';
import type { Code } from '../diagnostics/codes.ts';
import type { Diagnostics, Path } from '../diagnostics/diagnostic.ts';
import { estimatePoint, NOTHING, plus, type StepEstimate } from '../estimate.ts';
import { ExpansionError, expandKnown, type KnownExpansion, mostPoints } from '../plan/expand.ts';
import type { Lookup } from '../plan/lookup.ts';
import type { PlanStep } from '../plan/types.ts';
import { type KnownPoint, UNKNOWN, type Value } from '../plan/value.ts';
import { type Problem, problemsOf, reportProblems, valueAt } from '../schema/report.ts';
import { extremes, searchEstimate } from '../search-estimate.ts';
import { child, locate, type Node, textOf, toJson } from '../source/tree.ts';
import type { StepSource } from './steps.ts';

/** A step expanded with what is known before the run. */
export interface Dry {
  points: KnownExpansion;
  estimate: StepEstimate;
  /** Size in bytes of the largest point's parameters. */
  payload: number;
  longestId: number;
}

const REPORTED = 3;

/**
 * Expands a step as the run will, as far as that is known: values are checked against the kind's schema point by point,
 * selections must find points, and no matrix is empty.
 */
export function dryRun(source: StepSource, step: PlanStep, lookup: Lookup, diagnostics: Diagnostics): Dry {
  const { path } = source;
  const matrixKey = source.node.entries.get('matrix') ?? source.node.entries.get('foreach');
  let points: KnownExpansion;
  try {
    points = expandKnown(lookup, step);
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    const code: Code = error.code === 'duplicate-axis-value' ? 'duplicate-axis-value' : 'no-value';
    diagnostics.error(code, matrixKey?.key ?? source.key, `${error.message}.`, {
      path,
      hint: error.hint,
    });
    return { points: [], estimate: NOTHING, payload: 0, longestId: 0 };
  }
  if (step.matrix && points.length === 0 && matrixKey) {
    const excluded = step.matrix.exclude.length > 0;
    const at = source.node.entries.get('exclude') ?? matrixKey;
    if (excluded) {
      diagnostics.error('exclude-everything', at.key, `The excludes leave ${source.id} without a point.`, {
        path: [...path, 'exclude'],
      });
    } else {
      diagnostics.error('empty-matrix', matrixKey.key, `The matrix of ${source.id} has no points.`, {
        path: [...path, 'matrix'],
      });
    }
  }
  let estimate: StepEstimate = NOTHING;
  let payload = 0;
  let longestId = 0;
  const reporter = new Reporter(source, diagnostics);
  for (const point of points) {
    const { id } = 'point' in point ? point.point : point;
    longestId = Math.max(longestId, id.length);
    if (point.status === 'skipped') continue;
    if (point.status === 'blocked') {
      reporter.blocked(point);
      continue;
    }
    const params = point.status === 'ready' ? point.point.params : point.params;
    reporter.values(id, params as Record<string, Value>);
    payload = Math.max(payload, sizeOf(params as Value));
    if (step.search) continue;
    const times = point.status === 'planned' ? mostPoints(point, step) : 1;
    estimate = plus(
      estimate,
      estimatePoint(source.definition!, params as Record<string, Value>),
      times,
      times === 1,
    );
  }
  if (step.search) {
    for (const values of extremes(step.search.space)) {
      for (const point of expandKnown(lookup, step, values))
        if (point.status === 'planned') reporter.values(point.id, point.params);
        else if (point.status === 'blocked') reporter.blocked(point);
    }
    estimate = searchEstimate(source.definition!, step, lookup);
  }
  return { points, estimate, payload, longestId };
}

/** How the points of a step look to those that need them; undefined when an axis is still open. */
export function asStates(points: KnownExpansion): KnownPoint[] | undefined {
  const states: KnownPoint[] = [];
  for (const point of points) {
    if (point.status === 'planned' && point.open) return undefined;
    const { id, axes, seed } = 'point' in point ? point.point : point;
    if (point.status === 'skipped') states.push({ status: 'skipped', id, axes, seed, why: point.why });
    else states.push({ status: 'planned', id, axes, seed });
  }
  return states;
}

/** Points with the same slip are many: the first few are reported. */
class Reporter {
  private readonly times = new Map<string, number>();

  constructor(
    private readonly source: StepSource,
    private readonly diagnostics: Diagnostics,
  ) {}

  /** A point has no value for something. */
  blocked({ id, error }: Extract<KnownExpansion[number], { status: 'blocked' }>): void {
    const { source } = this;
    const { parameter } = error;
    if (!this.wanted(`${error.code} ${parameter}`)) return;
    const field = parameter === undefined ? undefined : source.with?.entries.get(parameter);
    const at = field ? (field.value.kind === 'scalar' ? field.value.span : field.key) : source.key;
    const code: Code = error.code === 'no-such-point' ? 'no-such-point' : 'no-value';
    this.diagnostics.error(code, at, `${error.message}.`, {
      path: parameter === undefined ? source.path : [...source.path, 'with', parameter],
      hint: error.hint ?? this.pointHint(id),
    });
  }

  /** What is known of a point's parameters, against the schema: an axis or an input may have brought a value that is not allowed. */
  values(id: string, params: Record<string, Value>): void {
    const { source } = this;
    const kind = source.definition!.name;
    const validate = validators.withOf[kind];
    const schema = schemas.kinds[kind];
    if (!validate || !schema) return;
    const known = written(params) as Json;
    if (validate(known)) return;
    for (const problem of problemsOf(validate.errors ?? [], known, schema)) {
      if (!this.wanted(`${problem.code} ${problem.path.join('.')}`)) continue;
      const axis = this.axisItem(problem, known);
      if (axis) {
        this.diagnostics.error(problem.code, axis.node.span, problem.message, {
          hint: problem.hint,
          path: axis.path,
        });
      } else {
        const hint = problem.hint ?? this.pointHint(id);
        reportProblems([{ ...problem, hint }], source.anchor, [...source.path, 'with'], this.diagnostics);
      }
    }
  }

  /** The value of an axis that stands behind a parameter: that is what has to be changed. */
  private axisItem(problem: Problem, params: Json): { node: Node; path: Path } | null {
    const { node, found } = locate(this.source.anchor, problem.path);
    const [, root, axis] =
      /^\$\{\{\s*(matrix|search)\.([\w-]+)\s*\}\}$/.exec(textOf(node)?.trim() ?? '') ?? [];
    if (!found || axis === undefined) return null;
    if (root === 'search') return this.tried(axis, valueAt(params, problem.path));
    const field = this.source.node.entries.has('matrix') ? 'matrix' : 'foreach';
    const values = child(child(this.source.node, field), axis);
    const actual = valueAt(params, problem.path);
    const index =
      values?.kind === 'list' ? values.items.findIndex((item) => sameJson(toJson(item), actual)) : -1;
    if (values?.kind !== 'list' || index === -1) return null;
    return { node: values.items[index]!, path: [...this.source.path, field, axis, index] };
  }

  /** The choice, or the end of the range, of a search. */
  private tried(name: string, actual: Json | undefined): { node: Node; path: Path } | null {
    const path = ['search', 'space', name];
    const written = locate(this.source.node, path).node;
    const lists =
      written.kind === 'map' ? [...written.entries.values()].map(({ value }) => value) : [written];
    const node = lists
      .flatMap((list) => (list.kind === 'list' ? list.items : []))
      .find((item) => sameJson(toJson(item), actual));
    return node ? { node, path: [...this.source.path, ...path] } : null;
  }

  private pointHint(id: string): string | undefined {
    return id === this.source.id ? undefined : `This is so for the point ${id}.`;
  }

  private wanted(place: string): boolean {
    const times = (this.times.get(place) ?? 0) + 1;
    this.times.set(place, times);
    return times <= REPORTED;
  }
}

const sameJson = (a: Json, b: Json | undefined) => JSON.stringify(a) === JSON.stringify(b);

/** What is not known stands as the text of an expression, which the validators let pass anywhere. */
function written(value: Value): Json {
  if (value === UNKNOWN || value === undefined) return '${{ }}';
  if (Array.isArray(value)) return value.map(written);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, written(inner as Value)]));
  }
  return value;
}

/** Bytes of an artifact reference in a payload, with the name of the point that made it. */
const REFERENCE_BYTES = 170;

function sizeOf(value: Value): number {
  if (value === UNKNOWN || value === undefined) return REFERENCE_BYTES;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item) + 1, 2);
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).reduce(
      (sum, [name, inner]) => sum + name.length + 4 + sizeOf(inner as Value),
      2,
    );
  }
  return JSON.stringify(value).length;
}
