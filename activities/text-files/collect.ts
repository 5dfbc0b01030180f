import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { BodyResult, Job } from '../../compute/types.ts';
import { Distinct } from '../../ml/data/rows/distinct.ts';
import { isHeldOut } from '../../ml/data/rows/held-out.ts';
import { Smallest } from '../../ml/data/rows/smallest.ts';
import { fieldsOf, type RowRules, type TextRow, textRow } from '../../ml/data/rows/text-row.ts';
import { ComputeError } from '../../ml/failure.ts';
import { stream } from '../../ml/random/stream.ts';
import { formatOf } from './open.ts';
import { readRows } from './read.ts';
import { Sorter } from './sorter.ts';
import type { TextFormat } from './types.ts';

/** What data.files and data.hub do with rows, whatever file they come from. */
export interface CollectRules extends RowRules {
  format: TextFormat | 'auto';
  dedupe: boolean;
  count?: number;
  shuffle: boolean;
  'held-out': number;
  'max-bad': number;
}

/** A row on its way: the text, its group, and its place in the order of the files. */
interface Passing {
  row: TextRow;
  group: string;
  at: number;
}

/** How many unreadable rows are shown. */
const SHOWN = 10;

interface Counts {
  rows: number;
  bad: number;
  short: number;
  long: number;
  filtered: number;
  duplicates: number;
}

/**
 * Reads files, keeps what the rules keep, and writes the artifacts `texts` and `held_out`. Memory is bounded whatever the
 * size of the files: rows pass one at a time, and a shuffle or sample goes over temporary files.
 * @throws ComputeError bad-data
 */
export async function collectTexts(
  job: Job,
  paths: readonly string[],
  rules: CollectRules,
): Promise<BodyResult> {
  const counts: Counts = { rows: 0, bad: 0, short: 0, long: 0, filtered: 0, duplicates: 0 };
  const passing = passed(job, paths, rules, counts);
  const ordered = rules.shuffle || rules.count !== undefined ? sampled(job, passing, rules) : passing;
  const written = await write(job, ordered, rules);
  if (written.texts === 0) {
    throw new ComputeError('bad-data', `No text of ${paths.join(', ')} is left: ${left(counts)}`, {
      hint: 'Check `text-field`, `where`, `min-characters`, `max-characters` and `held-out`.',
    });
  }
  const { rows, bad, ...others } = counts;
  return {
    outputs: { texts: written.kept, held_out: written.heldOut },
    metrics: {
      texts: { value: written.texts },
      held_out: { value: written.held },
      ...Object.fromEntries(Object.entries(others).map(([name, value]) => [name, { value }])),
      bad: { value: bad, n: rows, n_unit: 'row' },
      characters: { value: written.characters / written.texts, n: written.texts, n_unit: 'text' },
    },
  };
}

const left = ({ rows, bad, ...others }: Counts): string =>
  [
    `${rows} rows, ${bad} bad`,
    ...Object.entries(others).map(
      ([name, value]) => `${value} ${name === 'duplicates' ? name : `too ${name}`}`,
    ),
  ]
    .join(', ')
    .replace('too filtered', 'filtered');

/** The rows that the rules let pass, in the order of the files. At the end too many bad rows are an error. */
async function* passed(
  job: Job,
  paths: readonly string[],
  rules: CollectRules,
  counts: Counts,
): AsyncGenerator<Passing> {
  const distinct = rules.dedupe ? new Distinct() : null;
  const shown: string[] = [];
  const fields = fieldsOf(rules);
  for (const path of paths) {
    const format = rules.format === 'auto' ? formatOf(path) : rules.format;
    for await (const row of readRows(path, format, fields)) {
      const at = counts.rows++;
      if (counts.rows % 1000 === 0) job.progress(counts.rows, counts.rows);
      const verdict = 'problem' in row ? row : textRow(row.fields, rules);
      if ('problem' in verdict) {
        counts.bad++;
        if (shown.length < SHOWN) shown.push(`${row.place}: ${verdict.problem}`);
      } else if ('left' in verdict) counts[verdict.left]++;
      else if (distinct?.add(verdict.kept.text) === false) counts.duplicates++;
      else yield { row: verdict.kept, group: verdict.group, at };
    }
  }
  refuseBad(job, shown, counts, paths, rules['max-bad']);
}

function refuseBad(
  job: Job,
  shown: readonly string[],
  { bad, rows }: Counts,
  paths: readonly string[],
  maxBad: number,
): void {
  for (const line of shown) job.log(`unreadable row: ${line}`);
  if (bad > shown.length) job.log(`... and ${bad - shown.length} more`);
  if (bad <= maxBad * rows) return;
  throw new ComputeError(
    'bad-data',
    `${bad} of ${rows} rows of ${paths.join(', ')} cannot be read, more than \`max-bad: ${maxBad}\` allows:\n${shown.join('\n')}`,
    { hint: 'Mend the rows, check `format` and the names of fields, or raise `max-bad`.' },
  );
}

/** A random order, or a random sample, or both. The draws depend on nothing but the seed and the number of rows. */
async function* sampled(
  job: Job,
  rows: AsyncIterable<Passing>,
  rules: CollectRules,
): AsyncGenerator<Passing> {
  const draws = stream(job.seed, 'data.rows');
  const count = rules.count ?? Number.POSITIVE_INFINITY;
  const smallest = new Smallest(rules.count ?? 0);
  const random = new Sorter(join(job.workDirectory, 'random-order'));
  let end = 1;
  for await (const passing of rows) {
    const key = draws.uniform();
    if (rules.count === undefined || smallest.offer(key)) random.add(key, passing);
    end = passing.at + 1;
  }
  if (rules.shuffle) {
    yield* taken(random, count);
    return;
  }
  const inOrder = new Sorter(join(job.workDirectory, 'file-order'));
  for (const passing of taken(random, count)) inOrder.add(passing.at / end, passing);
  yield* taken(inOrder, count);
}

function* taken(sorter: Sorter, count: number): Generator<Passing> {
  let n = 0;
  for (const { value } of sorter.sorted<Passing>()) {
    if (n++ >= count) return;
    yield value;
  }
}

async function write(job: Job, rows: AsyncIterable<Passing>, rules: CollectRules) {
  const kept = job.artifact('texts', 'texts');
  const heldOut = job.artifact('texts', 'held_out');
  const files = [kept, heldOut].map(({ directory }) => createWriteStream(join(directory, 'texts.jsonl')));
  const [texts, others] = files as [WriteStream, WriteStream];
  const written = { kept, heldOut, texts: 0, held: 0, characters: 0 };
  for await (const { row, group } of rows) {
    const held = rules['held-out'] > 0 && isHeldOut(group, rules['held-out'], job.seed);
    if (held) written.held++;
    else {
      written.texts++;
      written.characters += row.text.length;
    }
    const file = held ? others : texts;
    if (!file.write(`${JSON.stringify(row)}\n`)) await once(file, 'drain');
  }
  for (const file of files) {
    file.end();
    await finished(file);
  }
  return written;
}
