import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { generateReviews } from '../../ml/data/synthetic-reviews/generate.ts';
import { ComputeError } from '../../ml/failure.ts';
import { stream } from '../../ml/random/stream.ts';
import type { DataReviewsSyntheticParameters } from '../../schemas/generated/parameters.ts';
import { openLexicon } from '../feedback.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as DataReviewsSyntheticParameters;
  const sentences = [params['min-sentences'], params['max-sentences']] as const;
  if (sentences[0] > sentences[1]) {
    throw new ComputeError(
      'bad-parameter',
      `min-sentences (${sentences[0]}) is more than max-sentences (${sentences[1]})`,
    );
  }
  const lexicon = await openLexicon(params.feedback);
  const reviews = generateReviews(
    { count: params.count, sentences, neutral: params.neutral, scatter: params.scatter },
    lexicon,
    stream(job.seed, 'data.reviews-synthetic'),
  );
  const artifact = job.artifact('texts', 'texts');
  await writeFile(
    join(artifact.directory, 'texts.jsonl'),
    reviews.map((review) => `${JSON.stringify(review)}\n`).join(''),
  );

  const words = reviews.map(({ text }) => text.toLowerCase().match(/[\p{L}']+/gu) ?? []);
  return {
    outputs: { texts: artifact },
    metrics: {
      texts: { value: reviews.length },
      words: {
        value: words.reduce((sum, list) => sum + list.length, 0) / reviews.length,
        n: reviews.length,
        n_unit: 'review',
      },
      vocabulary: { value: new Set(words.flat()).size },
    },
  };
};
