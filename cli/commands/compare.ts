import { writeFile } from 'node:fs/promises';
import { diffPlans } from '../../compiler/plan/diff.ts';
import { compareFigures } from '../compare/figures.ts';
import { compareMeasures } from '../compare/measures.ts';
import { comparisonPage } from '../compare/page.ts';
import { readSide, type Side } from '../compare/side.ts';
import { renderComparison } from '../render/compare.ts';
import { openStoreOnly } from '../session.ts';

export interface CompareOptions {
  /** Measures that are equal as well. */
  all?: boolean;
  json?: boolean;
  /** Also as a page of its own, in this file. */
  html?: string;
}

/** `plumb compare A B`: what two runs set and measured otherwise. Reads the store, needs no server. */
export async function compare(
  first: string,
  second: string,
  { all = false, json = false, html }: CompareOptions = {},
): Promise<number> {
  const { store } = openStoreOnly();
  const [before, after] = await Promise.all([readSide(store, first), readSide(store, second)]);
  const settings = diffPlans(before.plan, after.plan);
  const compared = compareMeasures(before, after);
  if (html !== undefined) {
    // Drawing figures takes half a second to load.
    const { draw } = await import('../../report/write.ts');
    const { figures, only } = await compareFigures(store, before, after);
    const page = comparisonPage({ ...compared, before, after, settings, figures, figuresOnly: only });
    await writeFile(html, (await draw(page)).document);
  }
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
