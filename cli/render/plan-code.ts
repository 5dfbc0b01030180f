import type { ParamTree, Plan } from '../../compiler/plan/types.ts';

/** The files of the team that a run executes: what a reviewer of a pull request wants to look at. */
export function codeOf(plan: Plan): string[] {
  const found = new Set<string>();
  collect(plan.feedback as ParamTree, plan, found);
  for (const { params } of plan.steps) for (const tree of Object.values(params)) collect(tree, plan, found);
  return [...found].sort();
}

function collect(tree: ParamTree | undefined, plan: Plan, found: Set<string>): void {
  if (typeof tree !== 'object' || tree === null) return;
  const { kind, file } = tree as { kind?: ParamTree; file?: ParamTree };
  if (kind === 'module') {
    // Whatever way it is written: the compiler lets only files through that it knows.
    const name = JSON.stringify(file);
    for (const [written, { path }] of Object.entries(plan.paths))
      if (name?.includes(JSON.stringify(written)) || name?.includes(JSON.stringify(path))) found.add(path);
  }
  for (const inner of Object.values(tree)) collect(inner as ParamTree, plan, found);
}
