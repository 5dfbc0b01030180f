import { diffPlans } from '../../compiler/plan/diff.ts';
import { compareMeasures } from '../compare/measures.ts';
import { readSide, type Side } from '../compare/side.ts';
import { renderComparison } from '../render/compare.ts';
import { openStoreOnly } from '../session.ts';

export interface CompareOptions {
  /** Measures that are equal as well. */
  all?: boolean;
  json?: boolean;
}

/** `plumb compare A B`: what two runs set and measured otherwise. Reads the store, needs no server. */
export async function compare(
  first: string,
  second: string,
  { all = false, json = false }: CompareOptions = {},
): Promise<number> {
  const { store } = openStoreOnly();
  const [before, after] = await Promise.all([readSide(store, first), readSide(store, second)]);
  const settings = diffPlans(before.plan, after.plan);
  const compared = compareMeasures(before, after);
  process.stdout.write(
    json
      ? `${JSON.stringify({ a: headOf(before), b: headOf(after), settings, ...compared }, null, 2)}\n`
      : renderComparison(before, after, settings, compared, { all }),
  );
  return 0;
}

const headOf = ({ run: { id, experiment, planDigest, spec, git, startedAt, finishedAt, state } }: Side) => ({
  id,
  experiment,
  planDigest,
  spec,
  git,
  startedAt,
  finishedAt,
  state,
});
