import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import { buildTriples } from '../../ml/triples/build.ts';
import { checkTriples, toneLengths } from '../../ml/triples/checks.ts';
import { familiarWords } from '../../ml/triples/familiar.ts';
import { familyOf } from '../../ml/triples/families.ts';
import { formatTriples, TRIPLES_FILE } from '../../ml/triples/format.ts';
import type { TripleCounts } from '../../ml/triples/types.ts';
import type { TriplesBuildParameters } from '../../schemas/generated/parameters.ts';
import { openLexicon } from '../feedback.ts';
import { readTexts } from '../texts.ts';
import { openPlaces } from '../triple-slots.ts';
import { checkTable } from '../triple-tables.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as TriplesBuildParameters;
  const lexicon = await openLexicon(params.feedback);
  const texts = await readTexts(params.texts.directory);
  const tokenizer = loadTokenizer(params.model.directory);
  const { slots, documents, withoutContext, refused, dollars } = await openPlaces(
    params,
    texts,
    lexicon,
    job,
  );
  job.log(`${slots.length} places in ${documents} texts`);
  const { triples, counts } = buildTriples(slots, documents, {
    seed: job.seed,
    folds: params.folds,
    limit: params.limit,
    perDocument: params['per-document'],
    maxTokens: params['max-tokens'],
    testShare: params['test-share'],
    tokenizer,
    ratings: lexicon,
    familiar: familiarWords(texts, params['minimum-count']),
  });
  counts.dropped['no-context'] += withoutContext;
  if (triples.length < params.folds) throw tooFew(counts);
  job.log(summary(counts));

  const artifact = job.artifact('triples', 'triples');
  await writeFile(join(artifact.directory, TRIPLES_FILE), formatTriples(triples));
  const checks = checkTriples(triples, { tokenizer, ratings: lexicon });
  const lengths = toneLengths(triples, tokenizer);
  const table = job.artifact('table', 'checks');
  await writeFile(
    join(table.directory, 'table.json'),
    `${JSON.stringify(checkTable(checks, lengths, counts, refused))}\n`,
  );
  const rated = triples.flatMap(({ words }) => [words.positive, words.negative]);
  const { dropped, words } = counts;
  return {
    outputs: { triples: artifact, checks: table },
    metrics: {
      triples: { value: counts.triples },
      words_positive: { value: words.positive },
      words_negative: { value: words.negative },
      words_neutral: { value: words.neutral },
      word_families: { value: new Set(rated.map(familyOf)).size },
      places: { value: counts.slots },
      dropped_no_context: { value: dropped['no-context'] },
      dropped_no_word_in_fold: { value: dropped['no-word-in-fold'] },
      dropped_no_neutral_word: { value: dropped['no-neutral-word'] },
      dropped_not_aligned: { value: dropped['not-aligned'] },
      dropped_too_long: { value: dropped['too-long'] },
      checks_failed: { value: checks.reduce((sum, { failed }) => sum + failed, 0) },
      length_auc: { value: lengths.auc, n: 2 * triples.length, n_unit: 'text' },
      ...(params.construction === 'rewriting' && {
        words_refused: { value: refused.reduce((sum, { count }) => sum + count, 0) },
        dollars: { value: dollars, unit: 'USD' },
      }),
    },
    dollars,
  };
};

function summary({ triples, words, dropped }: TripleCounts): string {
  const reasons = Object.entries(dropped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`);
  return `${triples} triples of ${words.positive} positive, ${words.neutral} neutral and ${words.negative} negative words; places not used: ${reasons.join(', ') || 'none'}`;
}

function tooFew(counts: TripleCounts): ComputeError {
  return new ComputeError('bad-data', `${counts.documents} texts give too few triples: ${summary(counts)}`, {
    hint: 'give `texts` with more words that the feedback rates, or a `model` whose tokenizer knows them',
  });
}
