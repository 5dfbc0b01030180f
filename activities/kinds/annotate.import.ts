import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { type AnnotationResults, measureRatings } from '../../ml/features/annotation/measure.ts';
import type { AnnotationKit, Question, Rating } from '../../ml/features/annotation/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import type { AnnotateImportParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import { KEY_FILE } from '../annotation/kit-files.ts';
import { type RatingsFile, readRatings } from '../annotation/read-ratings.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as AnnotateImportParameters;
  const kit = params.kit
    ? (JSON.parse(await readFile(join(params.kit.directory, KEY_FILE), 'utf8')) as AnnotationKit)
    : null;
  const files: RatingsFile[] = [];
  for (const { $path } of params.ratings) files.push(await readRatings($path));
  const questions = questionsOf(kit, files);
  const ratings = files.flatMap((file) => file.ratings);
  const results = measureRatings(questions, ratings, stream(job.seed, 'annotate.bootstrap'));

  const table = job.artifact('table', 'raters');
  await writeFile(join(table.directory, 'table.json'), `${JSON.stringify(raterTable(results))}\n`);
  const items = job.artifact('table', 'items');
  await writeFile(
    join(items.directory, 'table.json'),
    `${JSON.stringify(itemTable(questions, ratings, kit))}\n`,
  );
  const optional = (['accuracy_present', 'none_when_absent', 'agreement', 'kappa', 'alpha'] as const).flatMap(
    (name): [string, Estimate][] => {
      const estimate = results[name];
      return estimate ? [[name, estimate]] : [];
    },
  );
  return {
    outputs: { table, items },
    metrics: {
      accuracy: results.accuracy,
      none_share: results.none_share,
      ...Object.fromEntries(optional),
      chance: { value: results.chance, n: results.items, n_unit: 'item' },
      raters: { value: results.raters.length },
      items_rated: { value: results.items },
      items_common: { value: results.common.length },
    },
  };
};

/** What was asked: from the kit, or from the files themselves. */
function questionsOf(kit: AnnotationKit | null, files: readonly RatingsFile[]): Question[] {
  for (const file of files) {
    if (file.kit === undefined && !kit) continue;
    if (!kit)
      throw new ComputeError(
        'bad-parameter',
        `The ratings belong to the kit ${file.kit}, which is not given`,
        {
          hint: 'give the step that made it as `kit`',
        },
      );
    if (file.kit === kit.id) continue;
    throw new ComputeError(
      'bad-data',
      file.kit === undefined
        ? 'An export of Label Studio holds its own questions, and a `kit` is given beside it'
        : `${file.ratings[0]?.rater ?? 'Somebody'} rated the kit ${file.kit}, not ${kit.id}, which is given`,
      {
        hint: 'give under `ratings` only files of the `kit`; a kit made with other parameters is another one',
      },
    );
  }
  if (kit)
    return kit.items.map(({ id, options }, i) => ({
      item: id,
      options: options.length,
      answer: kit.key[i]?.answer ?? 0,
    }));
  if (files.length > 1)
    throw new ComputeError('bad-parameter', 'Several exports of Label Studio are given', {
      hint: 'export all raters of the project into one file for `ratings`',
    });
  return files[0]?.questions ?? [];
}

function raterTable({ raters, common, chance }: AnnotationResults): Table {
  const cells = (prefix: string, estimate: Estimate | undefined) => ({
    [prefix]: estimate?.value ?? null,
    [`${prefix}_low`]: estimate?.ci_low ?? null,
    [`${prefix}_high`]: estimate?.ci_high ?? null,
  });
  const interval = (key: string): [string, string] => [`${key}_low`, `${key}_high`];
  return {
    id: 'annotation-raters',
    title: 'What raters chose',
    caption: `Each rater over the ${common.length} items that all answered, and over all that they answered; Wilson’s intervals. Guessing gives ${(100 * chance).toFixed(1)} %.`,
    columns: [
      { key: 'rater', label: 'rater' },
      {
        key: 'accuracy_common',
        label: 'right, common items',
        format: 'percent',
        interval: interval('accuracy_common'),
      },
      {
        key: 'none_common',
        label: 'none of the above, common items',
        format: 'percent',
        interval: interval('none_common'),
      },
      { key: 'accuracy', label: 'right, all', format: 'percent', interval: interval('accuracy') },
      { key: 'answered', label: 'answered', format: 'integer' },
      {
        key: 'seconds',
        label: 'median seconds',
        format: 'number',
        definition: 'Time that an item was in view before it was answered.',
      },
    ],
    rows: raters.map(({ rater, common: shared, all, medianSeconds }) => ({
      rater,
      ...cells('accuracy_common', shared?.accuracy),
      ...cells('none_common', shared?.none),
      ...cells('accuracy', all.accuracy),
      answered: all.accuracy.n,
      seconds: medianSeconds,
    })),
  };
}

function itemTable(
  questions: readonly Question[],
  ratings: readonly Rating[],
  kit: AnnotationKit | null,
): Table {
  const about = new Map(kit?.key.map((key) => [key.item, key]));
  return {
    id: 'annotation-items',
    title: 'Items that were rated',
    caption: 'How many raters chose the right description of each item, most mistaken first.',
    columns: [
      { key: 'item', label: 'item' },
      ...(kit
        ? [
            { key: 'feature', label: 'feature' },
            { key: 'description', label: 'description' },
          ]
        : []),
      { key: 'answer', label: 'right choice', format: 'integer' as const },
      { key: 'right', label: 'right', format: 'integer' as const },
      { key: 'ratings', label: 'raters', format: 'integer' as const },
      { key: 'choices', label: 'choices' },
    ],
    rows: questions
      .map(({ item, answer }) => {
        const own = ratings.filter((rating) => rating.item === item);
        const key = about.get(item);
        return {
          item,
          ...(key && { feature: `layer ${key.layer} #${key.feature}`, description: key.description }),
          answer,
          right: own.filter(({ choice }) => choice === answer).length,
          ratings: own.length,
          choices: own.map(({ rater, choice }) => `${rater}: ${choice}`).join(', '),
        };
      })
      .filter((row) => row.ratings > 0)
      .sort((a, b) => a.right / a.ratings - b.right / b.ratings),
  };
}
