import type { Feature, FeatureSet } from '../../ml/features/types.ts';
import { formatInteger, formatPercent } from '../format.ts';
import { type Html, html } from '../html.ts';
import { labelOf, type ReportPoint, type ReportRun, readJson } from '../run.ts';
import { featureAnchor, linkTo, sourceLine } from '../trace.ts';
import type { Block, Section } from '../types.ts';
import { excerpt, strongest } from './excerpts.ts';
import { featurePages } from './feature-pages.ts';
import { INTERVENTION_KINDS, interventionBlocks } from './interventions.ts';
import { metricsTable } from './metrics.ts';

const SHOWN = 24;

/** What the features respond to, which are about the task, and what removing those does. */
export function featuresSection(run: ReportRun): Section | undefined {
  const sets =
    run.accepted('features.classify').length > 0
      ? run.accepted('features.classify')
      : run.accepted('features.explain');
  const blocks: Block[] = sets.flatMap((point) => {
    const set = readJson<FeatureSet>(point, 'features', 'features.json');
    return set
      ? featureBlocks(run, point, set, sets.length > 1 ? `${point.step} ${labelOf(point)}` : '')
      : [];
  });
  blocks.push(...interventionBlocks(run));
  if (blocks.length === 0) return undefined;
  for (const kind of ['features.explain', 'features.classify', ...INTERVENTION_KINDS]) {
    const table = metricsTable(run, kind);
    if (table) blocks.push({ type: 'table', table, closed: true });
  }
  return {
    id: 'features',
    title: 'Features',
    question:
      'What do single features of the dictionaries respond to, and does the reward change when those about the task are removed or strengthened?',
    blocks,
  };
}

function featureBlocks(run: ReportRun, point: ReportPoint, set: FeatureSet, label: string): Block[] {
  const described = set.features.filter((feature) => feature.explanation?.status === 'labelled');
  const order = { related: 0, unsure: 1, unrelated: 2, failed: 3 };
  const rank = (feature: Feature) =>
    order[feature.relation?.status === 'labelled' ? feature.relation.answer : 'failed'];
  const shown = [...described]
    .sort((a, b) => rank(a) - rank(b) || b.max * b.density - a.max * a.density)
    .slice(0, SHOWN);
  return [
    { type: 'note', tone: set.labeller.type === 'lexicon' ? 'caution' : 'info', body: set.labeller.note },
    {
      type: 'text',
      body: html`<h3>Features and what they respond to${label && ` (${label})`}</h3>
<p class="lead">${formatInteger(shown.length)} of ${formatInteger(set.features.length)} described features${set.task ? html`, those judged related to “${set.task}” first` : ''}. Shading is activation, on one scale a feature. Labels by ${set.labeller.name} (${set.labeller.type}).</p>
<div class="scroll" tabindex="0" role="region" aria-label="Features"><table><thead><tr><th scope="col">feature</th><th scope="col" class="number">density</th><th scope="col">description</th><th scope="col">about the task</th><th scope="col">strongest excerpt</th></tr></thead><tbody>${shown.map((feature) => row(point, feature))}</tbody></table></div>${sourceLine([point])}
<h3>Feature by feature${label && ` (${label})`}</h3>${featurePages(run, point, set, shown)}`,
    },
  ];
}

function row(point: ReportPoint, feature: Feature): Html {
  const explanation = feature.explanation?.status === 'labelled' ? feature.explanation.text : '–';
  const relation = feature.relation?.status === 'labelled' ? feature.relation.answer : 'failed';
  const best = strongest(feature.examples, 1);
  return html`<tr><td><a href="${linkTo(featureAnchor(point.id, feature))}">layer ${feature.layer} #${feature.feature}</a></td><td class="number">${formatPercent(feature.density)}</td><td>${explanation}</td><td>${feature.relation ? relation : '–'}</td><td>${best.map((example) => excerpt(example, feature.max))}</td></tr>`;
}
