import { schemas } from '../../schemas/generated/schemas.js';
import { parametersOf } from '../../schemas/generated/strict-validators.js';
import type { Json } from '../../store/types.ts';
import { pathText } from '../diagnostics/diagnostic.ts';
import { fillDefaults } from '../passes/parameters.ts';
import type { ParamTree } from '../plan/types.ts';
import { problemsOf } from '../schema/report.ts';

export interface ParameterProblem {
  /** Dotted, as in `with:`; empty for the whole. */
  path: string;
  message: string;
  hint?: string;
}

/**
 * The resolved parameters of a point, defaults filled in, against the schema of its kind. The last gate before a body runs:
 * what only the run could tell (a selected layer, say) is checked here for the first time.
 *
 * @returns the parameters, and what is wrong with them (empty: nothing)
 */
export function validateParameters(
  kind: string,
  params: Readonly<Record<string, Json>>,
): { params: Record<string, Json>; problems: ParameterProblem[] } {
  const schema = schemas.kinds[kind];
  const validate = parametersOf[kind];
  const filled = structuredClone(params) as Record<string, Json>;
  if (!schema || !validate) {
    return { params: filled, problems: [{ path: '', message: `there is no kind ${kind}` }] };
  }
  fillDefaults(filled as Record<string, ParamTree>, schema);
  if (validate(filled)) return { params: filled, problems: [] };
  const problems = problemsOf(validate.errors ?? [], filled, schema).map(({ path, key, message, hint }) => ({
    path: pathText(key === undefined ? path : [...path, key]),
    message,
    ...(hint !== undefined && { hint }),
  }));
  return { params: filled, problems };
}
