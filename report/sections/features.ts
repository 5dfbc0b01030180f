import { scaled } from '../../ml/features/scale.ts';
import type { Feature, FeatureSet } from '../../ml/features/types.ts';
import { formatInteger } from '../format.ts';
import { type Html, html, trusted } from '../html.ts';
import { labelOf, type ReportRun, readJson } from '../run.ts';
import type { Block, Section } from '../types.ts';
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
    return set ? featureBlocks(set, sets.length > 1 ? labelOf(point) : '') : [];
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

function featureBlocks(set: FeatureSet, label: string): Block[] {
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
<div class="scroll"><table><thead><tr><th>feature</th><th class="number">density</th><th>description</th><th>about the task</th><th>strongest excerpts</th></tr></thead><tbody>${shown.map(row)}</tbody></table></div>`,
    },
  ];
}

function row(feature: Feature): Html {
  const explanation = feature.explanation?.status === 'labelled' ? feature.explanation.text : '–';
  const relation = feature.relation?.status === 'labelled' ? feature.relation.answer : 'failed';
  const best = [...feature.examples].sort((a, b) => b.quantile - a.quantile).slice(0, 3);
  return html`<tr><td>layer ${feature.layer} #${feature.feature}</td><td class="number">${(100 * feature.density).toFixed(1)} %</td><td>${explanation}</td><td>${feature.relation ? relation : '–'}</td><td>${best.map((example) => html`<div class="excerpt">${example.tokens.map((token, i) => shaded(token, scaled(example.activations[i] ?? 0, feature.max)))}</div>`)}</td></tr>`;
}

function shaded(token: string, level: number): Html {
  const text = token.startsWith(' ') ? token : ` ${token}`;
  if (level === 0) return html`${text}`;
  return html`${trusted(`<mark style="background:rgba(0,114,178,${(0.08 * level).toFixed(2)})">`)}${text}${trusted('</mark>')}`;
}
