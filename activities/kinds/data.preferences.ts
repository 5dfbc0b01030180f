import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ActivityBody, Job } from '../../compute/types.ts';
import { isHeldOut } from '../../ml/data/rows/held-out.ts';
import { ComputeError } from '../../ml/failure.ts';
import { chatPair } from '../../ml/preferences/chat-pairs.ts';
import { ASSISTANT, turnsOf } from '../../ml/preferences/dialogue.ts';
import { type PairProblem, type PairRules, pairOfRow } from '../../ml/preferences/pair-rows.ts';
import type { PreferencePair } from '../../ml/preferences/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { proportion } from '../../ml/stats/proportion.ts';
import { loadChatTemplate } from '../../ml/tokenizers/chat-template.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { DataPreferencesParameters } from '../../schemas/generated/parameters.ts';
import { readJsonLines } from '../json-lines.ts';

type Counts = Record<PairProblem, number>;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as DataPreferencesParameters;
  const counts: Counts = { unreadable: 0, equal: 0, prompt_differs: 0, empty: 0 };
  const pairs = sampled(await readPairs(job, params, counts), params.count, job.seed);
  const written = await writePairs(job, pairs, params);
  const { preferences, heldOut, kept } = written;
  if (kept.length === 0) {
    throw new ComputeError(
      'bad-data',
      `No pair of ${params.from.from ?? '`from`'} is left: ${shown(counts)}`,
      {
        hint: 'Check `format`, the names of the fields, and `held-out`. Dialogues need `whitespace: keep` where they are read.',
      },
    );
  }
  const mean = (length: (pair: PreferencePair) => number) => ({
    value: kept.reduce((sum, pair) => sum + length(pair), 0) / kept.length,
    n: kept.length,
    n_unit: 'pair',
  });
  const longer = kept.filter(({ chosen, rejected }) => chosen.length > rejected.length).length;
  return {
    outputs: { preferences, held_out: heldOut },
    metrics: {
      pairs: { value: kept.length },
      held_out: { value: pairs.length - kept.length },
      ...Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, { value }])),
      prompt_characters: mean(({ prompt }) => prompt.length),
      chosen_characters: mean(({ chosen }) => chosen.length),
      rejected_characters: mean(({ rejected }) => rejected.length),
      chosen_longer: proportion(longer, kept.length, 'pair'),
    },
  };
};

const shown = (counts: Counts) =>
  Object.entries(counts)
    .map(([name, value]) => `${value} ${name.replace('_', ' ')}`)
    .join(', ');

/** The pairs of all rows, in order. */
async function readPairs(
  job: Job,
  params: DataPreferencesParameters,
  counts: Counts,
): Promise<PreferencePair[]> {
  const rules: PairRules = {
    format: params.format,
    chosen: params.chosen,
    rejected: params.rejected,
    prompt: params.prompt,
    ...(params.margin !== undefined && { margin: params.margin }),
    opening: params.opening ?? ASSISTANT,
  };
  const written = chatWriter(params);
  const pairs: PreferencePair[] = [];
  let rows = 0;
  let first: string | null = null;
  for await (const row of readJsonLines<Record<string, unknown>>(
    join(params.from.directory, 'texts.jsonl'),
  )) {
    rows++;
    if (rows % 1000 === 0) job.progress(rows, rows);
    const verdict = pairOfRow(row, rules);
    if ('pair' in verdict) {
      pairs.push(written(verdict.pair, rows));
      continue;
    }
    counts[verdict.problem]++;
    const line = `row ${rows} is not a pair: ${verdict.why}`;
    if (params['on-bad'] === 'refuse')
      throw new ComputeError('bad-data', line, {
        hint: 'Mend it, or set `on-bad: drop`, which leaves such rows out and counts them.',
      });
    first ??= line;
  }
  if (first !== null) job.log(`left out: ${shown(counts)}; first, ${first}`);
  if (pairs.length === 0 && first !== null)
    throw new ComputeError('bad-data', `None of the ${rows} rows is a pair (${shown(counts)}): ${first}`, {
      hint: 'Check `format`, `chosen`, `rejected` and `prompt`. Of data.files, `columns` keeps further fields, and `whitespace: keep` keeps dialogues as they are.',
    });
  return pairs;
}

/** What `template` makes of a pair. */
function chatWriter({ template, model }: DataPreferencesParameters) {
  if (template === 'none') return (pair: PreferencePair) => pair;
  if (model === undefined) {
    throw new ComputeError(
      'bad-parameter',
      '`template: chat` needs a `model`, whose chat template it applies',
    );
  }
  const chat = loadChatTemplate(model.directory);
  if (chat === null) {
    throw new ComputeError('bad-parameter', `The model ${model.from ?? ''} has no chat template`, {
      hint: 'set `template: none`, or give a model that was tuned on conversations',
    });
  }
  const tokenizer = loadTokenizer(model.directory);
  return (pair: PreferencePair, row: number) => {
    const turns = turnsOf(pair.prompt) ?? [{ role: 'user', content: pair.prompt.trim() }];
    try {
      return chatPair(pair, turns, chat, tokenizer);
    } catch (error) {
      if (error instanceof ComputeError) error.message = `row ${row}: ${error.message}`;
      throw error;
    }
  };
}

/** A random sample of so many pairs, in the order of the rows. */
function sampled(pairs: PreferencePair[], count: number | undefined, seed: number): PreferencePair[] {
  if (count === undefined || count >= pairs.length) return pairs;
  const chosen = stream(seed, 'data.preferences/sample').permutation(pairs.length).slice(0, count).sort();
  return Array.from(chosen, (i) => pairs[i] as PreferencePair);
}

/** Split by prompt: no prompt is on both sides. */
async function writePairs(job: Job, pairs: readonly PreferencePair[], params: DataPreferencesParameters) {
  const share = params['held-out'];
  const preferences = job.artifact('preferences', 'preferences');
  const heldOut = job.artifact('preferences', 'held_out');
  const kept: PreferencePair[] = [];
  const held: PreferencePair[] = [];
  for (const pair of pairs) (share > 0 && isHeldOut(pair.prompt, share, job.seed) ? held : kept).push(pair);
  for (const [{ directory }, side] of [
    [preferences, kept],
    [heldOut, held],
  ] as const) {
    const file = createWriteStream(join(directory, 'preferences.jsonl'));
    for (const pair of side) file.write(`${JSON.stringify(pair)}\n`);
    file.end();
    await finished(file);
  }
  return { preferences, heldOut, kept };
}
