import type { LogitEffects, TokenEffect } from '../../ml/features/logit-effects.ts';
import type { Measure, Score } from '../../ml/features/scoring/types.ts';
import type { Feature, FeatureSet } from '../../ml/features/types.ts';
import type { Json, Metric } from '../../store/types.ts';
import { formatMetric, formatNumber, formatPercent } from '../format.ts';
import { type Html, html } from '../html.ts';
import type { ReportPoint, ReportRun } from '../run.ts';
import { featureAnchor, pointLink } from '../trace.ts';
import { excerpt, strongest } from './excerpts.ts';

/** Excerpts of a page. */
const EXCERPTS = 6;

/** One folded page a feature: what it responds to, what it makes likely, what was said of it, and what removing it did. */
export function featurePages(
  run: ReportRun,
  point: ReportPoint,
  set: FeatureSet,
  features: readonly Feature[],
): Html {
  const removal = removalOf(run, point);
  return html`${features.map((feature) => page(point, set, feature, removal))}`;
}

interface Removal {
  point: ReportPoint;
  effect: Metric;
  matched: Metric | undefined;
  removed: number | undefined;
}

function page(point: ReportPoint, set: FeatureSet, feature: Feature, removal: Removal | undefined): Html {
  const { explanation, relation } = feature;
  const dictionary = set.dictionaries[feature.dictionary];
  return html`<details class="feature"><summary><strong>layer ${feature.layer} #${feature.feature}</strong> ${
    explanation?.status === 'labelled' ? explanation.text : 'no description'
  }</summary>
<p class="source" id="${featureAnchor(point.id, feature)}">Active at ${formatPercent(feature.density)} of positions, on average ${formatNumber(feature.mean / feature.density)} where it is, at most ${formatNumber(feature.max)}. Dictionary: ${dictionary?.from ?? 'unknown'} (${dictionary?.features ?? '?'} features). From ${pointLink(point)}.</p>
<h4>Top activations</h4>${strongest(feature.examples, EXCERPTS).map((example) => excerpt(example, feature.max))}
${feature.logits && logitBlock(feature.logits)}
<h4>What is said of it</h4>${labelled(set, feature)}
${feature.scores && scoreTable(feature.scores)}
${relation?.status === 'labelled' && relation.answer === 'related' && removalText(removal)}
</details>
`;
}

function logitBlock({ raised, lowered }: LogitEffects): Html {
  return html`<h4>Logit effects</h4><p class="source">What its direction adds to the logits of the next token at its mean activation, in nats against the mean of all tokens, through the final norm and the unembedding alone.</p><div class="effects"><div>raises${effects(raised, 'raised')}</div><div>lowers${effects(lowered, 'lowered')}</div></div>`;
}

const effects = (list: readonly TokenEffect[], side: 'raised' | 'lowered'): Html =>
  html`<ol>${list.map(
    ({ token, effect }) =>
      html`<li><code>${visible(token)}</code><span class="${side}">${effect > 0 ? '+' : ''}${formatNumber(effect)}</span></li>`,
  )}</ol>`;

/** A token is told from its neighbours by its spaces. */
const visible = (token: string): string =>
  token === ''
    ? '(empty)'
    : token.replace(/ |\p{Cc}/gu, (character) => SIGNS[character] ?? codeOf(character));

const SIGNS: Record<string, string> = { ' ': '␣', '\n': '↵', '\t': '⇥' };

const codeOf = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

function labelled(set: FeatureSet, { explanation, relation, ratings }: Feature): Html {
  const about = set.task ? `“${set.task}”` : 'the task';
  return html`<p>${
    explanation === undefined
      ? 'It was not described.'
      : explanation.status === 'labelled'
        ? html`“${explanation.text}” (${set.labeller.name}, ${set.labeller.type})`
        : `No description could be had: ${explanation.message}`
  }</p>${
    relation &&
    html`<p>About ${about}: ${
      relation.status === 'labelled'
        ? `${relation.answer}${relation.reason ? `. ${relation.reason}` : ''}`
        : `no answer could be had: ${relation.message}`
    }${
      ratings &&
      ratings.length > 1 &&
      ` (raters: ${ratings.map((rating) => (rating.status === 'labelled' ? rating.answer : 'failed')).join(', ')})`
    }</p>`
  }`;
}

const MEASURES: Record<Measure, string> = {
  detection: 'told from windows where it is silent (detection)',
  'detection-hard': 'told from windows of similar features',
  fuzzing: 'the right tokens told from others (fuzzing)',
  simulation: 'correlation of guessed with true activations (simulation)',
};

function scoreTable(scores: NonNullable<Feature['scores']>): Html {
  const rows = (Object.entries(scores) as [Measure, Score][]).map(
    ([measure, { own, shuffled, gap }]) =>
      html`<tr><td>${MEASURES[measure]}</td><td class="number">${formatMetric(own)}</td><td class="number">${shuffled === undefined ? '–' : formatNumber(shuffled)}</td><td class="number">${gap ? formatMetric(gap) : 'not established'}</td><td class="number">${own.n}</td></tr>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Scores of the description"><table><thead><tr><th scope="col">does the description hold?</th><th scope="col" class="number">score</th><th scope="col" class="number">with other features’ descriptions</th><th scope="col" class="number">difference</th><th scope="col" class="number">n</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Features are removed together: no feature has an effect of its own in such a study. */
function removalText(removal: Removal | undefined): Html {
  if (!removal) return html`<p>Removing it was not tried.</p>`;
  const { effect, matched, removed, point } = removal;
  return html`<p>Removed together with the other related features${removed !== undefined && ` (${removed} in all)`}, the mean reward changed by ${formatMetric(effect)}${
    matched ? `; as many others of like density: ${formatMetric(matched)}` : '; no control: not established'
  }. From ${pointLink(point)}.</p>`;
}

/** The ablation of just these features, the corrected one where there are several. */
function removalOf(run: ReportRun, point: ReportPoint): Removal | undefined {
  const digest = digestOf(point.record?.outputs.features as Json | undefined);
  const found = run.accepted('features.ablate').filter(({ record }) => {
    const params = record.params as Record<string, Json>;
    return digest !== undefined && digestOf(params.features) === digest && record.metrics.effect;
  });
  const [best] = found.sort(
    (a, b) => Number(isFaithful(a.record.params)) - Number(isFaithful(b.record.params)),
  );
  const effect = best?.record.metrics.effect;
  if (!best || !effect) return undefined;
  const { effect_matched: matched, features_removed: removed } = best.record.metrics;
  return { point: best, effect, matched, removed: removed?.value };
}

const isFaithful = (params: Json): boolean => (params as Record<string, Json>).protocol === 'faithful';

const digestOf = (value: Json | undefined): string | undefined => {
  const digest = (value as { digest?: Json } | null | undefined)?.digest;
  return typeof digest === 'string' ? digest : undefined;
};
