import { schemas } from '../../schemas/generated/schemas.js';
import { check } from '../expressions/check.ts';
import { type Environment, need, type StepView } from '../expressions/environment.ts';
import type { ParamTree, PlanStep } from '../plan/types.ts';
import { child, type Node, textOf, toJson } from '../source/tree.ts';
import { BOOLEAN } from '../types/type.ts';
import { durationSeconds } from './duration.ts';
import type { Graph } from './graph.ts';
import { lowerMatrix } from './matrices.ts';
import { Lowering } from './parameters.ts';
import { completeSearch, lowerSearch } from './searches.ts';
import type { Sites } from './sites.ts';
import type { StaticValues } from './static-values.ts';
import type { StepSource } from './steps.ts';

/** A step as the plan holds it. null when its kind is not known; what else is wrong is reported. */
export function lowerStep(
  step: StepSource,
  graph: Graph,
  views: Map<string, StepView>,
  shared: Omit<Environment, 'axes' | 'pooled' | 'steps' | 'secrets'>,
  sites: Sites,
  main: string,
  known: StaticValues,
): PlanStep | null {
  const { definition } = step;
  const seeding = graph.seeding.get(step.id)!;
  const base: Environment = {
    ...shared,
    steps: views,
    axes: null,
    pooled: seeding === 'pooled',
    secrets: false,
  };
  const { matrix, axes, partial } = lowerMatrix(step, base, sites, main, known);
  const search = lowerSearch(step, axes, sites);
  const view: StepView = {
    id: step.id,
    definition,
    seeding,
    axes,
    ...(search && {
      search: { dimensions: search.dimensions, objectives: search.search.objectives },
    }),
    params: {},
    given: new Set(),
  };
  views.set(step.id, view);
  const env: Environment = { ...base, axes, ...(search && { search: search.dimensions }) };
  const condition = lowerCondition(step, env, sites);
  if (!definition) {
    // What it is given cannot be checked, but the expressions in it can.
    if (step.with) new Lowering(sites, env, main).free(step.with, [...step.path, 'with']);
    return null;
  }
  const lowering = new Lowering(sites, env, main, partial);
  const params = lowering.parameters(step.with, schemas.kinds[step.definition!.name] ?? {}, [
    ...step.path,
    'with',
  ]);
  views.set(step.id, { ...view, params: literals(params), given: new Set(Object.keys(params)) });

  const complete = search && completeSearch(search, step, params, sites, known);
  const number = (field: string, inner: string): number | undefined =>
    scalarOf(child(child(step.node, field), inner)) as number | undefined;
  const seconds = (node: Node | undefined): number | undefined => {
    const text = textOf(node);
    return text === undefined ? undefined : durationSeconds(text);
  };
  const segment = number('checkpoint', 'segment') ?? definition.segment?.units;
  const every = checkpointInterval(scalarOf(child(child(step.node, 'checkpoint'), 'every')));
  const keep = number('checkpoint', 'keep');
  const concurrency = scalarOf(child(step.node, 'concurrency')) as number | undefined;
  return {
    id: step.id,
    kind: definition.name,
    kindVersion: definition.version,
    stage: definition.stage,
    primary: definition.primary ?? null,
    needs: graph.needs.get(step.id)!,
    requires: graph.requires.get(step.id)!,
    seeding,
    seedInKey: definition.seeding === 'per-seed',
    bound: 1,
    ...(matrix && { matrix }),
    ...(complete && { search: complete }),
    ...(condition !== undefined && { if: condition }),
    params,
    notInKey: [...(definition.notInKey ?? [])],
    ...(segment !== undefined && { segment: { units: segment } }),
    ...(definition.stream && { stream: [...definition.stream.by] }),
    ...every,
    ...(keep !== undefined && { checkpointKeep: keep }),
    ...(definition.readsRun && { readsRun: { artifacts: [...definition.readsRun.artifacts] } }),
    queue: textOf(child(step.node, 'queue')) ?? definition.queue,
    retry: {
      attempts: number('retry', 'attempts') ?? definition.retry.attempts,
      backoffSeconds: seconds(child(child(step.node, 'retry'), 'backoff')) ?? definition.retry.backoffSeconds,
    },
    timeoutSeconds: seconds(child(step.node, 'timeout')) ?? definition.timeoutSeconds,
    stallSeconds: seconds(child(step.node, 'stall')) ?? definition.stallSeconds,
    ...failureLimit(scalarOf(child(step.node, 'on-failure'))),
    ...(concurrency !== undefined && { concurrency }),
    secrets: [...new Set([...lowering.secrets, ...(definition.secrets ?? [])])].sort(),
  };
}

function lowerCondition(step: StepSource, env: Environment, sites: Sites): ParamTree | undefined {
  const node = child(step.node, 'if');
  if (node?.kind !== 'scalar') return undefined;
  const path = [...step.path, 'if'];
  const ast = sites.whole(node, path);
  if (!ast) return undefined;
  const report = sites.reporter(node, path);
  const { type, expression } = check(ast, env, report);
  need(type, BOOLEAN, ast, '`if` takes', report);
  return { $expr: expression };
}

/** `stop` is a limit of one failed point. */
function failureLimit(onFailure: unknown): Pick<PlanStep, 'failureLimit'> {
  if (onFailure === 'stop') return { failureLimit: 1 };
  return typeof onFailure === 'number' ? { failureLimit: onFailure } : {};
}

/** `every: 50` counts units of work, `every: 5m` time. */
function checkpointInterval(every: unknown): Pick<PlanStep, 'checkpointEvery' | 'checkpointSeconds'> {
  if (typeof every === 'number') return { checkpointEvery: every };
  if (typeof every === 'string') return { checkpointSeconds: durationSeconds(every) };
  return {};
}

const scalarOf = (node: Node | undefined) =>
  node?.kind === 'scalar' ? (toJson(node) ?? undefined) : undefined;

/** The parameters that are plain values. */
function literals(params: Readonly<Record<string, ParamTree>>): StepView['params'] {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, value]) =>
      value === null || typeof value !== 'object' ? [[name, value]] : [],
    ),
  );
}
