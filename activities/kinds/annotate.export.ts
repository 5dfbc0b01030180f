import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { annotationItems } from '../../ml/features/annotation/items.ts';
import type { AnnotationKit } from '../../ml/features/annotation/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { kitPage } from '../../report/annotation/page.ts';
import type { AnnotateExportParameters } from '../../schemas/generated/parameters.ts';
import { KEY_FILE, PAGE_FILE } from '../annotation/kit-files.ts';
import { readFeatureSet } from '../feature-set.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as AnnotateExportParameters;
  const set = await readFeatureSet(params.features.directory);
  const { items, key } = annotationItems(
    set.features,
    {
      items: params.items,
      options: params.options,
      excerpts: params.excerpts,
      tokens: params.tokens,
      shown: params.shown,
      distractors: params.distractors,
      absentShare: params['absent-share'],
    },
    stream(job.seed, 'annotate.items'),
  );
  if (items.length < params.items)
    job.log(`${items.length} items instead of ${params.items}: not enough features are described`);
  const id = createHash('sha256').update(JSON.stringify(items)).digest('hex').slice(0, 16);
  const kit: AnnotationKit = { format: 1, id, items, key };
  const artifact = job.artifact('annotation-kit', 'kit');
  await writeFile(join(artifact.directory, KEY_FILE), `${JSON.stringify(kit)}\n`);
  await writeFile(
    join(artifact.directory, PAGE_FILE),
    kitPage(kit, { title: params.heading, question: params.introduction }),
  );
  const n = { n: items.length, n_unit: 'item' };
  const others = key.flatMap(({ similarity }) => similarity.filter((value) => value < 1));
  return {
    outputs: { kit: artifact },
    metrics: {
      items: { value: items.length },
      absent: { value: key.filter(({ answer }) => answer === params.options + 1).length, ...n },
      chance: { value: 1 / (params.options + 1), ...n },
      similarity: { value: others.reduce((sum, value) => sum + value, 0) / others.length, ...n },
    },
  };
};
