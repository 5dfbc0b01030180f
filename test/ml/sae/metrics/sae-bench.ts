import { readFileSync } from 'node:fs';

/** Numbers recorded from SAEBench and SciPy by test/fixtures/make/sae_measures.py. */
const sections = JSON.parse(
  readFileSync(new URL('../../../fixtures/sae-measures.json', import.meta.url), 'utf8'),
) as Record<string, unknown>;

export const saeBench = <T>(name: string): T => sections[name] as T;
