import type { Json } from '../../store/types.ts';
import type { Path } from '../diagnostics/diagnostic.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import { check } from '../expressions/check.ts';
import type { Axis, Environment } from '../expressions/environment.ts';
import type { Expression, ParamTree, PlanMatrix } from '../plan/types.ts';
import { child, type Entry, type MapNode, type Node } from '../source/tree.ts';
import { ANY, dataType, show, type Type, union } from '../types/type.ts';
import { Lowering } from './parameters.ts';
import type { Sites } from './sites.ts';
import type { StaticValues } from './static-values.ts';
import type { StepSource } from './steps.ts';

/** When neither the step nor the kind that gives the list says how long it may be. */
const DEFAULT_BOUND = 64;

export interface LoweredMatrix {
  matrix: PlanMatrix | undefined;
  axes: ReadonlyMap<string, Axis> | null;
  /** Some combinations lack some axes. */
  partial: boolean;
}

/** `matrix`, `foreach`, `include` and `exclude` of a step. */
export function lowerMatrix(
  step: StepSource,
  env: Environment,
  sites: Sites,
  main: string,
  known: StaticValues,
): LoweredMatrix {
  const { diagnostics } = sites;
  const matrix = step.node.entries.get('matrix');
  const foreach = step.node.entries.get('foreach');
  if (matrix && foreach) {
    diagnostics.error('matrix-and-foreach', foreach.key, 'A step has either matrix or foreach.', {
      path: [...step.path, 'foreach'],
      hint: 'Write both as axes of one matrix.',
      related: [{ message: 'matrix is here', span: matrix.key }],
    });
  }
  const include = child(step.node, 'include');
  const exclude = child(step.node, 'exclude');
  const [field, written] = matrix ? (['matrix', matrix] as const) : (['foreach', foreach] as const);
  if (!written && !include) {
    if (exclude) {
      diagnostics.error('exclude-nothing', exclude.span, 'There is no matrix to exclude from.', {
        path: [...step.path, 'exclude'],
      });
    }
    return { matrix: undefined, axes: null, partial: false };
  }
  const lowering = new Lowering(sites, env, main);
  const axes = new Map<string, Axis>();
  const lowered: PlanMatrix = { axes: [], include: [], exclude: [], bound: boundOf(step) };
  let longest = 0;
  const entries: [string, Entry][] = written?.value.kind === 'map' ? [...written.value.entries] : [];
  for (const [name, { key, value }] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const path = [...step.path, field, name];
    if (name === 'include' || name === 'exclude') {
      diagnostics.error('bad-name', key, `${name} is no axis.`, {
        path,
        hint: `Write ${name}: beside matrix:, not inside it.`,
      });
      continue;
    }
    if (value.kind === 'list') {
      const values = value.items.map((item, i) => lowering.free(item, [...path, i]));
      const labels = labelsOf(values);
      lowered.axes.push({ name, values: values.map(({ tree }) => tree) });
      axes.set(name, { type: union(values.map(({ type }) => type)), labels });
      labels?.forEach((label, i) => {
        const first = labels.indexOf(label);
        if (first === i) return;
        diagnostics.error(
          'duplicate-axis-value',
          value.items[i]!.span,
          `The axis ${name} has ${shown(label)} twice.`,
          {
            path: [...path, i],
            related: [{ message: 'it is here already', span: value.items[first]!.span }],
          },
        );
      });
    } else if (value.kind === 'scalar') {
      const axis = runTimeAxis(value, path, env, sites);
      if (!axis) {
        axes.set(name, { type: ANY, labels: null });
        continue;
      }
      const listed = known.attempt(axis.expression);
      if (Array.isArray(listed)) {
        lowered.axes.push({ name, values: listed as ParamTree[] });
        axes.set(name, { type: axis.element, labels: listed });
        continue;
      }
      lowered.axes.push({ name, values: { $expr: axis.expression } });
      axes.set(name, { type: axis.element, labels: null });
      longest = Math.max(longest, axis.bound ?? DEFAULT_BOUND);
    }
  }
  if (longest > 0 && !child(step.node, 'at-most')) lowered.bound = longest;
  const partial = lowerCombinations(step, include, exclude, lowering, lowered, axes, sites);
  return { matrix: lowered, axes, partial };
}

const boundOf = (step: StepSource): number => {
  const node = child(step.node, 'at-most');
  return node?.kind === 'scalar' && typeof node.value === 'number' ? node.value : DEFAULT_BOUND;
};

interface Lowered {
  tree: ParamTree;
  type: Type;
}

/** What the values are called, where all are written out or single points. */
function labelsOf(values: readonly Lowered[]): Json[] | null {
  const labels: Json[] = [];
  for (const { tree, type } of values) {
    // Which trial is the best, the run tells.
    if (type.type === 'points' && type.best) return null;
    if (type.type === 'points' && !type.many) labels.push(pointLabel(tree, type.step));
    else if (tree !== null && typeof tree === 'object') return null;
    else labels.push(tree);
  }
  return labels;
}

/** `steps.base` is called base; `steps.base.history` base.history. */
function pointLabel(tree: ParamTree, step: string): string {
  const expression = (tree as { $expr: Expression }).$expr;
  const output = expression.op === 'member' && expression.of.op === 'member' ? expression.name : 'output';
  return output === 'output' ? step : `${step}.${output}`;
}

function runTimeAxis(
  node: Extract<Node, { kind: 'scalar' }>,
  path: Path,
  env: Environment,
  sites: Sites,
): { expression: Expression; element: Type; bound: number | undefined } | null {
  const [segment, ...more] = sites.segments(node, path) ?? [];
  if (!segment) return null;
  if (!('ast' in segment) || more.length > 0) {
    sites.diagnostics.error(
      'wrong-type',
      node.span,
      `The axis ${String(path.at(-1))} takes a list, not text.`,
      { path },
    );
    return null;
  }
  const report = sites.reporter(node, path);
  const { type, expression } = check(segment.ast, env, report);
  if (type.type === 'points' && type.many)
    return { expression, element: { ...type, many: false }, bound: undefined };
  const data = dataType(type);
  if (data?.type === 'list') return { expression, element: data.of, bound: data.bound };
  if (data?.type === 'any') return { expression, element: data, bound: undefined };
  report(
    'type-mismatch',
    segment.ast,
    `The axis ${String(path.at(-1))} takes a list; this is ${show(type)}.`,
    'Write a list of one: ["${{ ... }}"].',
  );
  return null;
}

/** Adds `include` and `exclude`. @returns whether some combinations lack some axes */
function lowerCombinations(
  step: StepSource,
  include: Node | undefined,
  exclude: Node | undefined,
  lowering: Lowering,
  lowered: PlanMatrix,
  axes: Map<string, Axis>,
  sites: Sites,
): boolean {
  const own = new Map(axes);
  for (const [item, path] of maps(exclude, [...step.path, 'exclude'])) {
    const combination: Record<string, ParamTree> = {};
    for (const [name, entry] of item.entries) {
      const value = lowering.free(entry.value, [...path, name]);
      combination[name] = value.tree;
      checkExcluded(name, entry, value, own, [...path, name], sites);
    }
    lowered.exclude.push(combination);
  }
  let partial = false;
  for (const [item, path] of maps(include, [...step.path, 'include'])) {
    const combination: Record<string, ParamTree> = {};
    for (const [name, entry] of item.entries) {
      const value = lowering.free(entry.value, [...path, name]);
      combination[name] = value.tree;
      const known = axes.get(name);
      const labels = labelsOf([value]);
      axes.set(name, {
        type: known ? union([known.type, value.type]) : value.type,
        labels: known ? known.labels && labels && [...known.labels, ...labels] : labels,
      });
    }
    const complete = [...own.keys()].every((name) => item.entries.has(name));
    if (!complete || item.entries.size > own.size) partial = true;
    lowered.include.push(combination);
  }
  return partial;
}

function* maps(node: Node | undefined, path: Path): Generator<[MapNode, Path]> {
  for (const [i, item] of node?.kind === 'list' ? node.items.entries() : []) {
    if (item.kind === 'map') yield [item, [...path, i]];
  }
}

/** An exclude that can match nothing is a slip: what it should leave out would run. */
function checkExcluded(
  name: string,
  { key, value }: Entry,
  lowered: Lowered,
  axes: ReadonlyMap<string, Axis>,
  path: Path,
  sites: Sites,
): void {
  const axis = axes.get(name);
  if (!axis) {
    sites.diagnostics.error('unknown-axis', key, `The matrix has no axis ${name}.`, {
      path,
      hint: didYouMean(name, axes.keys(), 'Axes'),
    });
    return;
  }
  const [label] = labelsOf([lowered]) ?? [];
  if (label === undefined || !axis.labels || axis.labels.includes(label)) return;
  sites.diagnostics.error(
    'exclude-nothing',
    value.span,
    `The axis ${name} has no value ${shown(label)}, so this leaves nothing out.`,
    {
      path,
      hint: didYouMean(shown(label), axis.labels.map(shown), 'It has'),
    },
  );
}

const shown = (label: Json) => (typeof label === 'string' ? label : JSON.stringify(label));
