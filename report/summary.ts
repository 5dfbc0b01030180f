import { estimatePoint } from '../compiler/estimate.ts';
import { KINDS } from '../compiler/kinds/registry.ts';
import type { Json, Metric } from '../store/types.ts';
import { type Claim, claimsOf } from './claims.ts';
import { formatDollars, formatInteger, formatMetric, formatP, formatSeconds } from './format.ts';
import { type Html, html } from './html.ts';
import { labelOf, type ReportPoint, type ReportRun } from './run.ts';
import { linkTo, measureAnchor, pointAnchor } from './trace.ts';
import type { Verdict } from './verdicts.ts';

/** One of the lines that come first. */
export interface SummaryLine {
  name: string;
  text: Html;
}

/** What was asked, what was found, how sure, what it cost, what failed: all of it from the run's own data. */
export function summaryOf(run: ReportRun, verdicts: readonly Verdict[]): SummaryLine[] {
  const claims = claimsOf(run);
  return [
    { name: 'Asked', text: asked(run) },
    { name: 'Found', text: found(claims, verdicts) },
    { name: 'How sure', text: sure(run, claims) },
    { name: 'Cost', text: cost(run) },
    { name: 'Failed', text: failed(run) },
  ];
}

function asked({ plan }: ReportRun): Html {
  const given = feedbackName(plan.feedback);
  const stated = plan.expect.length;
  return html`${plan.description || plan.name}${given && ` Feedback given: ${given}.`} ${
    stated === 0
      ? 'Nothing was stated beforehand.'
      : `${formatInteger(stated)} ${stated === 1 ? 'expectation was' : 'expectations were'} stated beforehand.`
  }`;
}

function feedbackName(feedback: Json): string | null {
  if (feedback === null || typeof feedback !== 'object' || Array.isArray(feedback)) return null;
  const { kind, lexicon } = feedback;
  if (typeof kind !== 'string') return null;
  return typeof lexicon === 'string' ? `${kind} (${lexicon})` : kind;
}

function found(claims: readonly Claim[], verdicts: readonly Verdict[]): Html {
  const of = (outcome: Verdict['outcome']) =>
    verdicts.filter((verdict) => verdict.outcome === outcome).map(({ name }) => `“${name}”`);
  const [fails, unknown] = [of('fails'), of('unknown')];
  return html`${
    verdicts.length > 0 &&
    `${formatInteger(of('holds').length)} of ${formatInteger(verdicts.length)} expectations hold${
      fails.length > 0 ? `; not so: ${fails.join(', ')}` : ''
    }${unknown.length > 0 ? `; not established: ${unknown.join(', ')}` : ''}. `
  }${claims.map((claim) => html`<span class="claim">${claimText(claim)}</span> `)}${
    verdicts.length === 0 && claims.length === 0 && 'Nothing that was measured stands beside a control.'
  }`;
}

function claimText({ kind, metric: name, subject, measured }: Claim): Html {
  const [first] = measured;
  if (!first) return html``;
  const established = measured.filter((each) => each.established).length;
  const subjectLink = html`<a class="traced" href="${linkTo(measureAnchor(kind, name))}">${subject}</a>`;
  if (measured.length === 1) {
    const p = first.metric.p_value;
    return html`${subjectLink}: <a class="traced" href="${linkTo(pointAnchor(first.point.id))}">${signed(first.metric)}</a>${
      p !== undefined && ` (p ${/^</.test(formatP(p)) ? '' : '= '}${formatP(p)})`
    }${!first.established && ', not established'}.`;
  }
  return html`${subjectLink}: ${measured.map(
    ({ point, metric }, i) =>
      html`${i > 0 && '; '}<a class="traced" href="${linkTo(pointAnchor(point.id))}">${signed(metric)}</a> (${labelOf(point)})`,
  )}; established in ${established} of ${measured.length}.`;
}

const signed = (metric: Metric): string => `${metric.value > 0 ? '+' : ''}${formatMetric(metric)}`;

function sure({ plan }: ReportRun, claims: readonly Claim[]): Html {
  const numbers = claims.flatMap(({ measured }) => measured.map(({ metric }) => metric));
  const units = new Map<string, number[]>();
  for (const { n, n_unit: unit } of numbers)
    if (n !== undefined) units.set(unit ?? 'observation', [...(units.get(unit ?? 'observation') ?? []), n]);
  const sizes = [...units].map(([unit, all]) => {
    const [low, high] = [Math.min(...all), Math.max(...all)];
    return `${formatInteger(low)}${high > low ? ` to ${formatInteger(high)}` : ''} ${high === 1 ? unit : plural(unit)}`;
  });
  const established = claims.flatMap(({ measured }) => measured).filter((each) => each.established).length;
  const seeds = plan.seeds.length;
  return html`${
    numbers.length > 0
      ? `${formatInteger(established)} of ${formatInteger(numbers.length)} differences to a control ${established === 1 ? 'is' : 'are'} established: an interval (${levels(numbers)}) that leaves out 0, and a p as small where there is one${sizes.length > 0 ? `; n: ${sizes.join(', ')}` : ''}. `
      : 'No difference to a control was measured. '
  }${
    seeds === 1
      ? `One seed (${plan.seeds[0]}): intervals tell how much the measurement varies, not how much another training would differ.`
      : `${formatInteger(seeds)} seeds (${plan.seeds.join(', ')}).`
  }`;
}

const plural = (unit: string): string => (/[^aeiou]y$/.test(unit) ? `${unit.slice(0, -1)}ies` : `${unit}s`);

const levels = (metrics: readonly Metric[]): string =>
  [...new Set(metrics.map(({ level }) => `${Math.round(100 * (level ?? 0.95))} %`))].join(' or ');

/** No time of the clock: a report of the same results has the same bytes, however often the run was interrupted. */
function cost(run: ReportRun): Html {
  const done = run.points.filter((point) => point.record && point.kind !== 'report');
  const dollars = done.reduce((sum, { record }) => sum + (record?.dollars ?? 0), 0);
  const seconds = done.reduce((sum, point) => sum + estimateOf(point), 0);
  return html`${formatDollars(dollars)} for language models; ${formatInteger(done.length)} ${
    done.length === 1 ? 'result' : 'results'
  }, planned at ${formatSeconds(seconds)} of computing (<code>plumb status ${run.runId}</code> has the time that they took).`;
}

function estimateOf({ kind, record }: ReportPoint): number {
  const definition = KINDS.get(kind);
  const params = record?.params;
  if (!definition || params === null || typeof params !== 'object' || Array.isArray(params)) return 0;
  return estimatePoint(definition, params).seconds;
}

function failed(run: ReportRun): Html {
  const points = run.failed();
  const skipped = run.points.filter(({ status }) => status === 'skipped').length;
  const codes = [...new Set(points.map(({ error }) => error?.code ?? 'unknown'))];
  const labels = ['features.explain', 'features.score', 'features.classify'].reduce(
    (sum, kind) => sum + sumOf(run, kind, 'failed'),
    0,
  );
  const alarms = run.points.reduce((sum, point) => sum + (run.metric(point, 'alarms')?.value ?? 0), 0);
  return html`${
    points.length > 0
      ? html`<a href="#failures">${formatInteger(points.length)} of ${formatInteger(run.points.length)} points</a> (${codes.join(', ')}): what needs them is missing below`
      : `Nothing: each of ${formatInteger(run.points.length - skipped)} points has a result`
  }${skipped > 0 && `; ${formatInteger(skipped)} skipped`}${
    labels > 0 && `; ${formatInteger(labels)} labels could not be had`
  }${alarms > 0 && html`; <a href="#fine-tuning">${formatInteger(alarms)} ${alarms === 1 ? 'alarm' : 'alarms'}</a> of tunings`}.`;
}

const sumOf = (run: ReportRun, kind: string, metric: string): number =>
  run.accepted(kind).reduce((sum, point) => sum + (run.metric(point, metric)?.value ?? 0), 0);
