import { schemas } from '../../schemas/generated/schemas.js';
import type { Path } from '../diagnostics/diagnostic.ts';
import type { Environment } from '../expressions/environment.ts';
import type { ParamTree, PlanStep } from '../plan/types.ts';
import { chosen } from '../schema/report.ts';
import type { Schema } from '../schema/types.ts';
import { child, locate, type MapNode } from '../source/tree.ts';
import type { Graph } from './graph.ts';
import { isFeedbackName, outsideKey } from './outside-key.ts';
import { Lowering } from './parameters.ts';
import type { Sites } from './sites.ts';

/**
 * The `feedback:` of the file as the plan holds it, and what follows from it for the steps that use it: secrets to be had,
 * parameters that are no part of a key, and kinds that read word values and so need a lexicon.
 *
 * @returns null when the file names none
 */
export function lowerFeedback(
  root: MapNode,
  env: Environment,
  steps: readonly PlanStep[],
  graph: Graph,
  sites: Sites,
  main: string,
): ParamTree {
  const node = child(root, 'feedback');
  const lowering = new Lowering(sites, { ...env, hasFeedback: 'inside' }, main);
  const feedback = node?.kind === 'map' ? lowering.parameters(node, schemas.feedback, ['feedback']) : null;
  const sound = sites.diagnostics.count(['feedback']) === 0;
  for (const step of steps) {
    const schema = schemas.kinds[step.kind] ?? {};
    step.notInKey = [...new Set([...step.notInKey, ...outsideKey(step.params, schema, feedback)])];
    if (graph.feedbackUsers.has(step.id))
      step.secrets = [...new Set([...step.secrets, ...lowering.secrets])].sort();
    const source = graph.order.find(({ id }) => id === step.id)!;
    for (const { path, kind } of lexiconless(step.params, schema, sound ? feedback : null)) {
      const { node: at, entry } = locate(source.anchor, path);
      sites.diagnostics.error(
        'needs-lexicon',
        at.kind === 'scalar' ? at.span : (entry?.key ?? source.key),
        `${step.kind} reads what words are worth; a feedback of kind ${kind} rates whole texts only.`,
        {
          path: [...source.path, 'with', ...path],
          hint: `Give it a word list of its own: ${String(path.at(-1))}: { kind: lexicon, lexicon: vader }.`,
        },
      );
    }
  }
  return feedback;
}

/** Parameters that take nothing but a lexicon, and are given something else. What only the run can tell is checked there. */
function lexiconless(
  tree: ParamTree | undefined,
  schema: Schema,
  feedback: ParamTree,
  path: Path = [],
): { path: (string | number)[]; kind: string }[] {
  if (tree === null || typeof tree !== 'object') return [];
  if (schema['x-feedback'] === 'lexicon') {
    const given = isFeedbackName(tree) ? feedback : tree;
    const kind = (given as { kind?: unknown } | null)?.kind;
    return typeof kind === 'string' && kind !== 'lexicon' ? [{ path: [...path], kind }] : [];
  }
  if (Array.isArray(tree))
    return tree.flatMap((item, i) => lexiconless(item, schema.items ?? {}, feedback, [...path, i]));
  if ('$expr' in tree) return [];
  return Object.entries(chosen(schema, tree).properties ?? {}).flatMap(([name, property]) =>
    lexiconless((tree as Record<string, ParamTree>)[name], property, feedback, [...path, name]),
  );
}
