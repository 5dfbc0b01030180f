// Labels and tries the features of a file by the language model at an address, and writes what came of it: one process, so
// that it can be killed. Arguments: address, directory that is kept, file of features, file to write.
import { readFileSync, writeFileSync } from 'node:fs';
import { openaiLabeller } from '../../labeling/labeller.ts';
import type { Feature } from '../../ml/features/types.ts';
import type { BenchFeature, BenchLabel } from './types.ts';

const [url, directory, input, output] = process.argv.slice(2) as [string, string, string, string];
const features = JSON.parse(readFileSync(input, 'utf8')) as BenchFeature[];
const labeller = openaiLabeller(
  {
    ...{
      type: 'openai',
      model: 'gpt-4o-mini',
      temperature: 0,
      'api-key': { $secret: 'KEY' },
      'base-url': url,
    },
    ...{
      'spend-cap': 10,
      concurrency: 10,
      attempts: 6,
      'timeout-seconds': 30,
      'response-format': 'json-schema',
    },
  },
  { durableDirectory: directory, cacheDirectory: directory },
  { KEY: 'none' },
);

async function label({ feature, explaining, scoring }: BenchFeature): Promise<BenchLabel> {
  const examples = explaining.map((window) => ({ ...window, text: 0, draw: 'top', quantile: 1 }));
  const described = { feature, max: 10, examples } as unknown as Feature;
  const explanation = await labeller.explain(described, 'modern');
  if (explanation.status !== 'labelled') return { feature, label: null, answers: null };
  const judged = await labeller.detect(
    explanation.text,
    scoring.map(({ tokens }) => tokens),
  );
  const answers = judged.status === 'labelled' ? judged.answers : null;
  return { feature, label: explanation.text, answers };
}

const labels = await Promise.all(features.map(label));
labeller.close();
writeFileSync(output, JSON.stringify(labels));
