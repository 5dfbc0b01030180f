import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { checkFailures } from '../../labeling/labeller.ts';
import type { FeatureSet, Relation } from '../../ml/features/types.ts';
import { proportion } from '../../ml/stats/proportion.ts';
import type { FeaturesClassifyParameters } from '../../schemas/generated/parameters.ts';
import { labelAll, openLabeller } from '../labeller.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesClassifyParameters;
  const explained = JSON.parse(
    await readFile(join(params.explanations.directory, 'features.json'), 'utf8'),
  ) as FeatureSet;
  const labeller = await openLabeller(params.labeller, job);
  try {
    const relations = await labelAll(job, explained.features, async (feature): Promise<Relation> => {
      if (feature.explanation?.status !== 'labelled')
        return { status: 'failed', code: 'no-explanation', message: 'It has no description.' };
      return labeller.relate(feature, feature.explanation.text, params.task);
    });
    const asked = relations.filter((_, i) => explained.features[i]?.explanation?.status === 'labelled');
    checkFailures(asked, params['max-failed'], 'classifications');

    const features: FeatureSet = {
      ...explained,
      labeller: labeller.note,
      task: params.task,
      features: explained.features.map((feature, i) => ({ ...feature, relation: relations[i] as Relation })),
    };
    const artifact = job.artifact('features', 'features');
    await writeFile(join(artifact.directory, 'features.json'), `${JSON.stringify(features)}\n`);

    const count = (answer: string) =>
      relations.filter((relation) => relation.status === 'labelled' && relation.answer === answer).length;
    const related = count('related');
    const decided = related + count('unrelated');
    const dollars = labeller.dollars();
    return {
      outputs: { features: artifact, related },
      metrics: {
        ...(decided > 0 ? { related_share: proportion(related, decided, 'feature') } : {}),
        unsure: { value: count('unsure'), n: features.features.length, n_unit: 'feature' },
        failed: {
          value: relations.filter((relation) => relation.status === 'failed').length,
          n: features.features.length,
          n_unit: 'feature',
        },
        dollars: { value: dollars, unit: 'USD' },
      },
      dollars,
    };
  } finally {
    labeller.close();
  }
};
