import type { Compiled } from '../../compiler/compile.ts';
import { type FindResult, forecast } from '../../compiler/forecast.ts';
import { diffPlans } from '../../compiler/plan/diff.ts';
import type { Plan } from '../../compiler/plan/types.ts';
import { openStore } from '../../store/open.ts';
import { lookUpResult } from '../../store/results.ts';
import { settingsFromEnvironment } from '../../worker/settings.ts';
import { baseline } from '../baseline.ts';
import { compileFile } from '../compile.ts';
import { countText, renderDiagnostic } from '../render/diagnostics.ts';
import { type Comparison, renderPlan } from '../render/plan.ts';

export interface PlanOptions {
  json?: boolean;
  /** A git revision or another experiment file to compare with; by default the latest run of the same experiment. */
  against?: string;
  set?: Record<string, string>;
  /** List every point. */
  points?: boolean;
}

/** `plumb plan FILE`: what a run would do now, and why. Reads the store, needs no server. @returns the exit code */
export async function plan(file: string, options: PlanOptions = {}): Promise<number> {
  const set = options.set ? { set: options.set } : {};
  const compiled = await compileFile(file, { for: 'run', ...set });
  reportDiagnostics(compiled);
  if (!compiled.plan) return 1;
  const store = openStore(settingsFromEnvironment().store);
  const find: FindResult = async (key) => {
    const found = await lookUpResult(store, key, 'quick');
    if (found.state === 'accepted') return found.record;
    return found.state === 'invalid' ? { invalid: found.why } : null;
  };
  const before = await baseline(store, compiled.plan, file, options.against, set.set);
  const compared: Comparison | null = before && {
    with: before.name,
    diff: diffPlans(before.plan, compiled.plan),
  };
  const result = await forecast(compiled.plan, find);
  if (options.json)
    process.stdout.write(`${JSON.stringify(jsonOf(compiled.plan, result, compared, compiled), null, 2)}\n`);
  else process.stdout.write(renderPlan(compiled.plan, result, compared, { points: options.points ?? false }));
  return 0;
}

/** On standard error: standard output is the plan. */
function reportDiagnostics({ diagnostics, sources, plan: found }: Compiled): void {
  for (const diagnostic of diagnostics) {
    process.stderr.write(`${renderDiagnostic(diagnostic, (path) => sources.get(path)?.text)}\n\n`);
  }
  if (!found) process.stderr.write(`${countText(diagnostics)}\n`);
}

function jsonOf(
  plan: Plan,
  { steps, total, cached }: Awaited<ReturnType<typeof forecast>>,
  compared: Comparison | null,
  { diagnostics }: Compiled,
) {
  return {
    plan,
    steps: steps.map(({ step, points, ...rest }) => ({
      id: step.id,
      kind: step.kind,
      stage: step.stage,
      ...rest,
      points,
    })),
    total: { ...total, cached },
    ...(compared && { against: compared }),
    diagnostics,
  };
}
