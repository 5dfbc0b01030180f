import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { PlanStep } from '../plan/types.ts';
import { child, type MapNode, textOf } from '../source/tree.ts';
import { collectReferences, noReferences, type References, referencesBelow, type Sites } from './sites.ts';
import type { StepSource } from './steps.ts';

/** How steps hang together. */
export interface Graph {
  /** In an order in which everything comes after what it needs, ties in the file's order. What is in a cycle comes last. */
  order: StepSource[];
  /** Steps that must be complete first, sorted. */
  needs: Map<string, string[]>;
  /** Those of `needs` that the step names under `needs:`. */
  requires: Map<string, string[]>;
  seeding: Map<string, PlanStep['seeding']>;
  /** Steps that use `${{ feedback }}`. */
  feedbackUsers: ReadonlySet<string>;
}

export function connect(steps: readonly StepSource[], root: MapNode, sites: Sites): Graph {
  const { diagnostics } = sites;
  const ids = new Set(steps.map(({ id }) => id));
  const feedback = noReferences();
  referencesBelow(child(root, 'feedback'), ['feedback'], sites, feedback);
  const needs = new Map<string, string[]>();
  const requires = new Map<string, string[]>();
  const seeded = new Map<string, References>();
  const feedbackUsers = new Set<string>();
  for (const step of steps) {
    const references = referencesOf(step, sites);
    if (references.feedback) {
      feedbackUsers.add(step.id);
      for (const id of feedback.steps) references.steps.add(id);
      references.seed ||= feedback.seed;
    }
    const named = namedNeeds(step, ids, diagnostics);
    const everything = step.definition?.readsRun
      ? steps.map(({ id }) => id).filter((id) => id !== step.id)
      : [];
    const all = new Set([...references.steps, ...named, ...everything].filter((id) => ids.has(id)));
    needs.set(step.id, [...all].sort());
    requires.set(step.id, named);
    seeded.set(step.id, references);
  }
  const throughFeedback = (from: string, to: string) => feedbackUsers.has(from) && feedback.steps.has(to);
  const order = sorted(steps, needs, throughFeedback, diagnostics);
  const seeding = new Map<string, PlanStep['seeding']>();
  for (const { id, definition } of order) {
    const { steps: referred, seed } = seeded.get(id)!;
    const inherited = seed || [...referred].some((other) => seeding.get(other) === 'per-seed');
    const perSeed = definition?.seeding === 'per-seed' || inherited;
    seeding.set(id, definition?.seeding === 'pooled' ? 'pooled' : perSeed ? 'per-seed' : 'shared');
  }
  return { order, needs, requires, seeding, feedbackUsers };
}

/** What the expressions of a step refer to. */
function referencesOf(step: StepSource, sites: Sites): References {
  const found = noReferences();
  for (const field of ['with', 'matrix', 'foreach', 'include', 'exclude']) {
    referencesBelow(child(step.node, field), [...step.path, field], sites, found);
  }
  const condition = child(step.node, 'if');
  if (condition?.kind === 'scalar') {
    const ast = sites.whole(condition, [...step.path, 'if']);
    if (ast) collectReferences(ast, found);
  }
  return found;
}

function namedNeeds(step: StepSource, ids: ReadonlySet<string>, diagnostics: Diagnostics): string[] {
  const node = child(step.node, 'needs');
  const named: string[] = [];
  for (const item of node?.kind === 'list' ? node.items : node ? [node] : []) {
    const id = textOf(item);
    if (id === undefined) continue;
    if (ids.has(id)) named.push(id);
    else {
      diagnostics.error('unknown-step', item.span, `There is no step ${id}.`, {
        path: [...step.path, 'needs'],
        hint: didYouMean(id, ids, 'Steps'),
      });
    }
  }
  return named.sort();
}

/** Topological order (Kahn, "Topological sorting of large networks", CACM 1962), the file's order among equals. */
function sorted(
  steps: readonly StepSource[],
  needs: ReadonlyMap<string, string[]>,
  throughFeedback: (from: string, to: string) => boolean,
  diagnostics: Diagnostics,
): StepSource[] {
  const order: StepSource[] = [];
  const done = new Set<string>();
  let waiting = [...steps];
  while (waiting.length > 0) {
    const ready = waiting.filter(({ id }) => needs.get(id)!.every((other) => done.has(other)));
    if (ready.length === 0) break;
    for (const step of ready) done.add(step.id);
    order.push(...ready);
    waiting = waiting.filter(({ id }) => !done.has(id));
  }
  if (waiting.length > 0) reportCycles(waiting, needs, throughFeedback, diagnostics);
  return [...order, ...waiting];
}

/** Each cycle once, at the first of its steps. Steps that only wait for a cycle are not at fault. */
function reportCycles(
  waiting: readonly StepSource[],
  needs: ReadonlyMap<string, string[]>,
  throughFeedback: (from: string, to: string) => boolean,
  diagnostics: Diagnostics,
): void {
  const byId = new Map(waiting.map((step) => [step.id, step]));
  const visited = new Set<string>();
  for (const start of waiting) {
    const chain: string[] = [];
    let id: string | undefined = start.id;
    while (id !== undefined && !visited.has(id)) {
      visited.add(id);
      chain.push(id);
      id = needs.get(id)!.find((other) => byId.has(other));
    }
    const from = id === undefined ? -1 : chain.indexOf(id);
    if (from === -1) continue;
    const cycle = chain.slice(from);
    const { key, path } = byId.get(cycle[0]!)!;
    const user = cycle.find((one, i) => throughFeedback(one, cycle[(i + 1) % cycle.length]!));
    diagnostics.error('cycle', key, `These steps need each other: ${[...cycle, cycle[0]].join(' -> ')}.`, {
      path,
      hint:
        user !== undefined
          ? `${user} uses the feedback, which is made of what ${cycle[(cycle.indexOf(user) + 1) % cycle.length]} gives: write another feedback in ${user}.`
          : cycle.length === 1
            ? 'A step cannot use its own output.'
            : 'One of them must do without the other.',
      related: cycle.slice(1).map((other) => ({ message: `${other} is here`, span: byId.get(other)!.key })),
    });
  }
}
