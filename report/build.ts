import type { States } from '../compiler/plan/types.ts';
import { formatInteger } from './format.ts';
import type { Page } from './page.ts';
import type { ReportRun } from './run.ts';
import { dictionariesSection } from './sections/dictionaries.ts';
import { explanationsSection } from './sections/explanations.ts';
import { failuresSection } from './sections/failures.ts';
import { featuresSection } from './sections/features.ts';
import { fineTuneSection } from './sections/fine-tune.ts';
import { measuresSection } from './sections/measures.ts';
import { probesSection } from './sections/probes.ts';
import { provenanceSection } from './sections/provenance.ts';
import { recoverySection } from './sections/recovery.ts';
import { searchesSection } from './sections/searches.ts';
import { summaryOf } from './summary.ts';
import { tiles } from './tiles.ts';
import type { Section } from './types.ts';
import { verdicts } from './verdicts.ts';

/** The page of a run. Pure: equal runs give equal pages. */
export function buildPage(run: ReportRun, states: States, title: string): Page {
  const { plan } = run;
  const failed = run.failed().length;
  const judged = verdicts(run, states);
  const seeds = plan.seeds.length === 1 ? `seed ${plan.seeds[0]}` : `${plan.seeds.length} seeds`;
  return {
    title,
    meta: `${run.runId} · ${seeds} · ${formatInteger(run.points.length)} points${failed > 0 ? `, ${failed} failed` : ''}`,
    summary: summaryOf(run, judged),
    tiles: tiles(run),
    verdicts: judged,
    notes: notes(failed),
    sections: [
      failuresSection,
      fineTuneSection,
      dictionariesSection,
      searchesSection,
      probesSection,
      recoverySection,
      explanationsSection,
      featuresSection,
      measuresSection,
      provenanceSection,
    ]
      .map((section) => section(run))
      .filter((section): section is Section => section !== undefined),
  };
}

function notes(failed: number): string[] {
  return failed > 0
    ? [
        `${failed} ${failed === 1 ? 'point' : 'points'} failed: what would have been shown is missing below, and verdicts that need it are not established.`,
      ]
    : [];
}
