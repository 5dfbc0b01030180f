import type { ActivityBody, Job } from '../../compute/types.ts';
import { checkFailures, type Labeller } from '../../labeling/labeller.ts';
import { ComputeError } from '../../ml/failure.ts';
import { majority, measureAgreement } from '../../ml/features/agreement.ts';
import type { FeatureSet, PromptForm, Relation } from '../../ml/features/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { differenceInterval } from '../../ml/stats/difference-interval.ts';
import { proportion } from '../../ml/stats/proportion.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import type { FeaturesClassifyParameters } from '../../schemas/generated/parameters.ts';
import type { Metric } from '../../store/types.ts';
import { readFeatureSet, writeFeatureSet } from '../feature-set.ts';
import { labelAll, openLabeller } from '../labeller.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesClassifyParameters;
  const form = params.prompt ?? (params.protocol === 'faithful' ? 'paper' : 'modern');
  const explained = await readFeatureSet(params.explanations.directory);
  const base = params.base && (await readFeatureSet(params.base.directory));
  if (base) checkAlike(explained, base);
  const raters: Labeller[] = [];
  try {
    for (const [i, settings] of [params.labeller, ...(params.raters ?? [])].entries())
      raters.push(await openLabeller(settings, job, i));
    const classes = await classify(job, explained, raters, params, form);
    const classesOfBase = base && (await classify(job, base, raters, params, form));

    const related = countOf(classes, 'related');
    const dollars = raters.reduce((sum, rater) => sum + rater.dollars(), 0);
    return {
      outputs: {
        features: await writeFeatureSet(job, classes),
        ...(classesOfBase && { base_features: await writeFeatureSet(job, classesOfBase, 'base_features') }),
        related,
      },
      metrics: {
        ...shares(classes, classesOfBase),
        ...agreementMetrics(job, classes),
        unsure: { value: countOf(classes, 'unsure'), n: classes.features.length, n_unit: 'feature' },
        failed: {
          value: classes.features.filter(({ relation }) => relation?.status === 'failed').length,
          n: classes.features.length,
          n_unit: 'feature',
        },
        dollars: { value: dollars, unit: 'USD' },
      },
      dollars,
    };
  } finally {
    for (const rater of raters) rater.close();
  }
};

/** A base rate is one only of features that were come by in the same way. */
function checkAlike(explained: FeatureSet, base: FeatureSet): void {
  const way = ({ protocol, prompt, labeller }: FeatureSet) =>
    `${protocol}, ${prompt} prompt, ${labeller.name}`;
  if (way(explained) === way(base)) return;
  throw new ComputeError(
    'bad-parameter',
    `The features of \`base\` were described in another way (${way(base)}) than those of \`explanations\` (${way(explained)})`,
    { hint: 'give both features.explain steps the same `protocol`, `prompt` and `labeller`' },
  );
}

async function classify(
  job: Job,
  explained: FeatureSet,
  raters: readonly Labeller[],
  params: FeaturesClassifyParameters,
  form: PromptForm,
): Promise<FeatureSet> {
  const described = explained.features.flatMap((feature) =>
    feature.explanation?.status === 'labelled' ? [{ feature, text: feature.explanation.text }] : [],
  );
  const questions = described.flatMap(({ feature, text }) =>
    raters.map((rater) => (): Promise<Relation> => rater.relate(feature, text, params.task, form)),
  );
  const answers = await labelAll(job, questions, (ask) => ask());
  checkFailures(answers, params['max-failed'], 'classifications');
  const ratingsOf = new Map(
    described.map(({ feature }, i) => [feature, answers.slice(i * raters.length, (i + 1) * raters.length)]),
  );
  return {
    ...explained,
    task: params.task,
    raters: raters.map(({ note }) => note),
    features: explained.features.map((feature) => {
      const ratings = ratingsOf.get(feature);
      if (ratings) return { ...feature, relation: majority(ratings), ratings };
      const relation: Relation = {
        status: 'failed',
        code: 'no-explanation',
        message: 'It has no description.',
      };
      return { ...feature, relation };
    }),
  };
}

type Answer = Extract<Relation, { status: 'labelled' }>['answer'];

const countOf = ({ features }: FeatureSet, answer: Answer) =>
  features.filter(({ relation }) => relation?.status === 'labelled' && relation.answer === answer).length;

/** Of those decided, the share that is related; and the same before tuning, with the difference of the two. */
function shares(classes: FeatureSet, base: FeatureSet | undefined): Record<string, Metric> {
  const tuned = relatedShare(classes);
  const before = base && relatedShare(base);
  const metrics: Record<string, Metric> = {};
  if (tuned) metrics.related_share = tuned;
  if (before) metrics.related_share_base = before;
  if (tuned && before) {
    const { value, low, high } = differenceInterval(intervalOf(tuned), intervalOf(before));
    const n = tuned.n + before.n;
    metrics.related_share_gap = { value, ci_low: low, ci_high: high, level: 0.95, n, n_unit: 'feature' };
  }
  return metrics;
}

function relatedShare(set: FeatureSet): Estimate | undefined {
  const related = countOf(set, 'related');
  const decided = related + countOf(set, 'unrelated');
  return decided > 0 ? proportion(related, decided, 'feature') : undefined;
}

const intervalOf = ({ value, ci_low, ci_high }: Estimate) => ({
  value,
  low: ci_low as number,
  high: ci_high as number,
});

/** Only what is defined: raters who always say the same have no kappa. */
function agreementMetrics(job: Job, { features }: FeatureSet): Record<string, Metric> {
  const ratings = features.flatMap((feature) => (feature.ratings ? [feature.ratings] : []));
  const found = measureAgreement(ratings, stream(job.seed, 'features.classify.agreement'));
  if (!found) return {};
  const named: [string, Estimate][] = [
    ['agreement', found.agreement],
    ['cohen_kappa', found.cohen],
    ['fleiss_kappa', found.fleiss],
  ];
  return Object.fromEntries(named.filter(([, { value }]) => Number.isFinite(value)));
}
