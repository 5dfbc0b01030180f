import type { Json } from '../../store/types.ts';
import { evaluate } from '../plan/evaluate.ts';
import { Lookup } from '../plan/lookup.ts';
import type { Expression, Plan } from '../plan/types.ts';
import { EvaluationError, plain, UNKNOWN } from '../plan/value.ts';
import type { Input } from './inputs.ts';

/** Values of expressions that use inputs only: what is known before anything else of the plan. */
export class StaticValues {
  private readonly lookup: Lookup;

  constructor(inputs: ReadonlyMap<string, Input>) {
    const values = Object.fromEntries(
      [...inputs].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])),
    );
    this.lookup = new Lookup({ steps: [], inputs: values, feedback: null } as unknown as Plan, {});
  }

  /** @throws EvaluationError when it has no value */
  of(expression: Expression): Json | typeof UNKNOWN {
    return plain(evaluate(expression, { lookup: this.lookup, seed: null, matrix: {} }));
  }

  /** UNKNOWN also when it has no value. */
  attempt(expression: Expression): Json | typeof UNKNOWN {
    try {
      return this.of(expression);
    } catch (error) {
      if (error instanceof EvaluationError) return UNKNOWN;
      throw error;
    }
  }
}
