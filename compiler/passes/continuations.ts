import { KINDS } from '../kinds/registry.ts';
import { keyedParams } from '../plan/key.ts';
import type { Expression, ParamTree, PlanStep, Point } from '../plan/types.ts';
import { locate } from '../source/tree.ts';
import { differenceOf, freeParameters } from '../training-state.ts';
import type { Graph } from './graph.ts';
import type { Sites } from './sites.ts';

/**
 * Steps that go on from a finished training (`continue: ${{ steps.x.state }}`): whether it is one of theirs. The step itself
 * looks again when it runs; here a difference is found before the first training is paid for.
 */
export function checkContinuations(steps: readonly PlanStep[], graph: Graph, sites: Sites): void {
  for (const step of steps) {
    const definition = KINDS.get(step.kind);
    const first = steps.find(({ id }) => id === stepNamed(step.params.continue));
    if (!definition || !first) continue;
    const fixed = ({ params, notInKey }: PlanStep) =>
      keyedParams(params as Point['params'], [...notInKey, ...freeParameters(definition)]);
    const other =
      first.kind === step.kind
        ? differenceOf(fixed(first), fixed(step), definition)
        : {
            path: 'continue',
            message: `\`continue\` is the state of a training with ${first.kind}; ${step.kind} cannot go on from it.`,
            hint: 'Give a `state` of the same kind of step.',
          };
    if (!other) continue;
    const source = graph.order.find(({ id }) => id === step.id)!;
    const path = other.path.split('.');
    const { node, entry, found } = locate(source.anchor, path);
    sites.diagnostics.error(
      'bad-state',
      found && node.kind === 'scalar' ? node.span : (entry?.key ?? source.key),
      other.message,
      { path: [...source.path, 'with', ...path], hint: other.hint },
    );
  }
}

/** x of `steps.x.state` and `steps.x[...].state`. */
function stepNamed(tree: ParamTree | undefined): string | null {
  if (tree === null || typeof tree !== 'object' || !('$expr' in tree)) return null;
  let expression = tree.$expr as Expression;
  if (expression.op === 'member') expression = expression.of;
  if (expression.op === 'index') expression = expression.of;
  if (expression.op !== 'member' || expression.of.op !== 'name' || expression.of.name !== 'steps')
    return null;
  return expression.name;
}
