import { check } from '../expressions/check.ts';
import { type Environment, need } from '../expressions/environment.ts';
import type { PlanExpectation } from '../plan/types.ts';
import { child, type MapNode, textOf } from '../source/tree.ts';
import { BOOLEAN } from '../types/type.ts';
import { collectReferences, noReferences, type Sites } from './sites.ts';

/** What was expected beforehand: each a condition on what steps measured. */
export function lowerExpectations(root: MapNode, env: Environment, sites: Sites): PlanExpectation[] {
  const list = child(root, 'expect');
  const expectations: PlanExpectation[] = [];
  for (const [i, item] of list?.kind === 'list' ? list.items.entries() : []) {
    const node = child(item, 'check');
    if (node?.kind !== 'scalar') continue;
    const path = ['expect', i, 'check'];
    const ast = sites.whole(node, path);
    if (!ast) continue;
    const report = sites.reporter(node, path);
    const { type, expression } = check(ast, env, report);
    need(type, BOOLEAN, ast, 'A check is', report);
    const references = noReferences();
    collectReferences(ast, references);
    expectations.push({
      name: textOf(child(item, 'name')) ?? '',
      check: String(node.value).trim(),
      expression,
      needs: [...references.steps].sort(),
    });
  }
  return expectations;
}
