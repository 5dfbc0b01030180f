import { type Compiled, type CompileOptions, compile } from '../../compiler/compile.ts';
import type { Plan, PlanStep } from '../../compiler/plan/types.ts';
import { seal } from '../../compiler/seal.ts';

export function compileText(text: string, options: CompileOptions = {}, path = 'specs/test.yaml'): Compiled {
  const compiled = compile(path, new TextEncoder().encode(text), options);
  seal(compiled);
  return compiled;
}

/** The plan of a text without errors. */
export function planOf(text: string, options: CompileOptions = {}): Plan {
  const { plan, diagnostics } = compileText(text, options);
  if (!plan)
    throw new Error(
      diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`).join('\n'),
    );
  return plan;
}

export function stepOf(plan: Plan, id: string): PlanStep {
  const step = plan.steps.find((one) => one.id === id);
  if (!step) throw new Error(`no step ${id}`);
  return step;
}

/** `code line:column` of each diagnostic. */
export const problemsOf = (text: string, options: CompileOptions = {}): string[] =>
  compileText(text, options).diagnostics.map(({ code, line, column }) => `${code} ${line}:${column}`);

/** An experiment around some steps. */
export const experiment = (steps: string, rest = ''): string =>
  `version: 1\nname: test\nfeedback: { kind: lexicon }\n${rest}steps:\n${steps.replace(/^(?=.)/gm, '  ')}`;

export const REVIEWS = 'reviews: { uses: data.reviews-synthetic }\n';

export const BASE = `${REVIEWS}base:
  uses: lm.train
  with:
    data: \${{ steps.reviews }}
    architecture: { type: gpt-neox, layers: 2, width: 32, heads: 2 }
`;
