import { createHash } from 'node:crypto';
import { canonicalJson } from '../store/canonical.ts';
import type { Digest, Json } from '../store/types.ts';
import type { Compiled } from './compile.ts';
import type { Plan } from './plan/types.ts';

/**
 * Gives a plan its digests, when all of it is known: that of its main file, and its own, which is the same for files that
 * differ in the order of keys, comments, or where they lie. Apart from compiling, which often is only a check.
 */
export function seal({ plan, sources }: Compiled): void {
  if (!plan) return;
  plan.source.sha256 = sha256(sources.get(plan.source.path)?.text ?? '');
  plan.digest = planDigest(plan);
}

/** Of a plan whose local files have their fingerprints. */
export function planDigest(plan: Plan): Digest {
  return sha256(planText(plan));
}

function planText(plan: Plan): string {
  const { digest: _digest, source: _source, paths, steps, ...rest } = plan;
  const byId = [...steps].sort((a, b) => (a.id < b.id ? -1 : 1));
  const fingerprints = Object.fromEntries(Object.entries(paths).map(([name, { sha256 }]) => [name, sha256]));
  return canonicalJson({ ...rest, steps: byId, paths: fingerprints } as unknown as Json);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
