import { canonicalJson } from '../../store/canonical.ts';
import type { Json } from '../../store/types.ts';
import { printExpression } from '../expressions/print.ts';
import { axisLabel } from './label.ts';
import type { Expression, ParamTree, Plan, PlanStep } from './types.ts';

/** How a plan differs from an earlier one, in words. */
export interface PlanDiff {
  added: string[];
  removed: string[];
  /** Steps in both, that are not the same: what changed in each. */
  changed: Record<string, string[]>;
  /** What concerns the whole: seeds, expectations. */
  general: string[];
}

export function diffPlans(before: Plan, after: Plan): PlanDiff {
  const old = new Map(before.steps.map((step) => [step.id, step]));
  const ids = new Set(after.steps.map(({ id }) => id));
  const changed: Record<string, string[]> = {};
  for (const step of after.steps) {
    const previous = old.get(step.id);
    if (!previous) continue;
    const changes = stepChanges(before, previous, after, step);
    if (changes.length > 0) changed[step.id] = changes;
  }
  const general: string[] = [];
  const seeds = listChange('seeds', before.seeds, after.seeds);
  if (seeds) general.push(seeds);
  if (canonicalJson(before.expect as unknown as Json) !== canonicalJson(after.expect as unknown as Json)) {
    general.push('what is expected was changed');
  }
  return {
    added: after.steps.filter(({ id }) => !old.has(id)).map(({ id }) => id),
    removed: before.steps.filter(({ id }) => !ids.has(id)).map(({ id }) => id),
    changed,
    general,
  };
}

function stepChanges(before: Plan, old: PlanStep, after: Plan, now: PlanStep): string[] {
  if (old.kind !== now.kind) return [`uses: ${old.kind} -> ${now.kind}`];
  const changes: string[] = [];
  if (old.kindVersion !== now.kindVersion) changes.push(`${now.kind} is now version ${now.kindVersion}`);
  changes.push(
    ...treeChanges(old.params, now.params, '')
      .filter((change) => !ignored(change.path, now))
      .map(({ text }) => text),
  );
  changes.push(...matrixChanges(old, now));
  const searches = [old.search, now.search] as unknown as (ParamTree | undefined)[];
  changes.push(...treeChanges(searches[0], searches[1], 'search').map(({ text }) => text));
  if (canonicalJson((old.if ?? null) as Json) !== canonicalJson((now.if ?? null) as Json))
    changes.push('its if was changed');
  const used = rootsOf(now);
  for (const name of used.inputs) {
    const change = valueChange(`inputs.${name}`, before.inputs[name], after.inputs[name]);
    if (change) changes.push(change);
  }
  if (used.feedback)
    changes.push(
      ...treeChanges(before.feedback as ParamTree, after.feedback as ParamTree, 'feedback')
        .filter(({ path }) => !now.notInKey.some((name) => name.endsWith(path.slice('feedback'.length))))
        .map(({ text }) => text),
    );
  for (const name of used.paths) {
    const [from, to] = [before.paths[name]?.sha256, after.paths[name]?.sha256];
    if (from !== undefined && to !== undefined && from !== to) changes.push(`${name} has other content`);
  }
  return changes;
}

const ignored = (path: string, step: PlanStep) =>
  step.notInKey.some((name) => path === name || path.startsWith(`${name}.`));

interface Change {
  path: string;
  text: string;
}

function treeChanges(old: ParamTree | undefined, now: ParamTree | undefined, path: string): Change[] {
  if (isMap(old) && isMap(now)) {
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
    return names.flatMap((name) =>
      treeChanges(at(old, name), at(now, name), path === '' ? name : `${path}.${name}`),
    );
  }
  const text = valueChange(path, old as Json | undefined, now as Json | undefined);
  return text ? [{ path, text }] : [];
}

type ParamMap = { [key: string]: ParamTree } & { $expr?: never; $concat?: never };

const at = (tree: ParamMap, name: string): ParamTree | undefined => tree[name];

function isMap(tree: ParamTree | undefined): tree is ParamMap {
  return (
    tree !== null &&
    typeof tree === 'object' &&
    !Array.isArray(tree) &&
    !Object.keys(tree).some((key) => key.startsWith('$'))
  );
}

function valueChange(name: string, old: Json | undefined, now: Json | undefined): string | null {
  if (old === undefined && now === undefined) return null;
  if (old === undefined) return `${name}: ${shown(now!)} is new`;
  if (now === undefined) return `${name}: was ${shown(old)}`;
  return canonicalJson(old) === canonicalJson(now) ? null : `${name}: ${shown(old)} -> ${shown(now)}`;
}

function matrixChanges(old: PlanStep, now: PlanStep): string[] {
  const before = new Map((old.matrix?.axes ?? []).map(({ name, values }) => [name, values]));
  const after = new Map((now.matrix?.axes ?? []).map(({ name, values }) => [name, values]));
  const changes: string[] = [];
  for (const [name, values] of after) {
    const earlier = before.get(name);
    if (!earlier) changes.push(`the axis ${name} is new`);
    else if (Array.isArray(earlier) && Array.isArray(values)) {
      const change = listChange(`the axis ${name}`, earlier as Json[], values as Json[]);
      if (change) changes.push(change);
    } else if (canonicalJson(earlier as Json) !== canonicalJson(values as Json))
      changes.push(`the axis ${name} was changed`);
  }
  for (const name of before.keys()) if (!after.has(name)) changes.push(`the axis ${name} is gone`);
  for (const side of ['include', 'exclude'] as const) {
    const [from, to] = [old.matrix?.[side] ?? [], now.matrix?.[side] ?? []];
    if (canonicalJson(from as Json) !== canonicalJson(to as Json)) changes.push(`${side} was changed`);
  }
  return changes;
}

function listChange(name: string, old: readonly Json[], now: readonly Json[]): string | null {
  const texts = (values: readonly Json[]) => new Map(values.map((value) => [canonicalJson(value), value]));
  const [before, after] = [texts(old), texts(now)];
  const gained = [...after].filter(([key]) => !before.has(key)).map(([, value]) => shown(value));
  const lost = [...before].filter(([key]) => !after.has(key)).map(([, value]) => shown(value));
  const parts = [
    gained.length > 0 && `gained ${gained.join(', ')}`,
    lost.length > 0 && `lost ${lost.join(', ')}`,
  ].filter(Boolean);
  return parts.length > 0 ? `${name} ${parts.join(' and ')}` : null;
}

/** A value or expression, briefly. */
export function shown(value: Json): string {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    if ('$expr' in value) return printExpression(value.$expr as unknown as Expression);
    if ('$concat' in value) {
      return (value.$concat as Json[])
        .map((part) => (typeof part === 'string' ? part : `\${{ ${shown(part)} }}`))
        .join('');
    }
  }
  return typeof value === 'string' ? value : axisLabel(value);
}

interface Roots {
  inputs: Set<string>;
  paths: Set<string>;
  feedback: boolean;
}

/** The inputs, local files and feedback that a step's expressions use. */
function rootsOf(step: PlanStep): Roots {
  const roots: Roots = { inputs: new Set(), paths: new Set(), feedback: false };
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    const expression = value as {
      op?: string;
      name?: string;
      of?: { op?: string; name?: string };
      function?: string;
      args?: unknown[];
    };
    if (expression.op === 'name' && expression.name === 'feedback') roots.feedback = true;
    if (expression.op === 'member' && expression.of?.op === 'name' && expression.of.name === 'inputs')
      roots.inputs.add(expression.name!);
    if (expression.op === 'call' && expression.function === '$path') {
      const [argument] = expression.args as { op: string; value?: unknown }[];
      if (argument?.op === 'literal') roots.paths.add(String(argument.value));
    }
    for (const inner of Object.values(value)) visit(inner);
  };
  visit([step.params, step.matrix ?? null, step.if ?? null]);
  return roots;
}
