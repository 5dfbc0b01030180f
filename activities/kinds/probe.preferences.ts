import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job, MaterialisedArtifact } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { fillLogProbs, logProbBatches, noLogProbs } from '../../ml/preferences/log-probs.ts';
import { checkFits, type TokenPair, tokenisePairs } from '../../ml/preferences/token-pairs.ts';
import type { PreferencePair } from '../../ml/preferences/types.ts';
import type { Matrix } from '../../ml/probes/algebra/matrix.ts';
import { type RewardReading, readLearnedReward } from '../../ml/probes/preferences/learned-reward.ts';
import { publishedAccuracy } from '../../ml/probes/preferences/published.ts';
import {
  type PublishedReading,
  type ResponseOptions,
  responsesAlone,
  responsesInContext,
} from '../../ml/probes/preferences/responses.ts';
import { textLengths, tfIdf } from '../../ml/probes/text-features.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { ProbePreferencesParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Metric } from '../../store/types.ts';
import { learnedRewardTable, type PublishedRow, publishedTable } from '../preference-probe-tables.ts';
import { readPreferences } from '../preferences.ts';

/** Of a response alone, as published. */
const PUBLISHED_TOKENS = 128;
const REJECTED_TOKENS = 16;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ProbePreferencesParameters;
  const all = (await readPreferences(params.pairs.directory)).slice(0, params.count);
  const tokenizer = loadTokenizer(params.tuned.directory);
  const { pairs, places } = tokenisePairs(all, tokenizer, {
    ...{ maxTokens: params['max-length'], maxPromptTokens: params['max-prompt-length'] },
    ...{ keep: 'end', endOfText: false },
  });
  const given = Array.from(places, (place) => all[place] as PreferencePair);
  const prompts = given.map(({ prompt }) => prompt);
  if (new Set(prompts).size < 2 * params.folds) {
    throw new ComputeError(
      'bad-data',
      `The pairs are of ${new Set(prompts).size} prompts: too few for ${params.folds} folds`,
      { hint: 'give more `pairs`' },
    );
  }

  const mistakes = new Set(params['bug-compatible']);
  const variants = publishedVariants(mistakes);
  const read: { role: Role; inContext: Matrix; alone: Map<string, Matrix>; rewards: Float64Array }[] = [];
  for (const role of ROLES) {
    const artifact = params[role];
    if (!artifact) continue;
    const model = await open(artifact, pairs, params);
    const options = optionsOf(model, params, tokenizer.padId);
    const rewards = await logRatios(model, pairs, params.batch, tokenizer.padId, job);
    const inContext = responsesInContext(pairs, options);
    const alone = new Map<string, Matrix>();
    for (const { model: of, reading } of variants) {
      if (of !== role || alone.has(nameOf(reading))) continue;
      alone.set(nameOf(reading), responsesAlone(given, tokenizer, reading, PUBLISHED_TOKENS, options));
      job.progress(read.length, ROLES.length);
    }
    read.push({ role, inContext, alone, rewards });
    model.dispose();
  }
  const of = (role: Role) => read.find((each) => each.role === role) as (typeof read)[number];

  const texts = given.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const rewards = of('tuned').rewards.map((ratio, i) => ratio - (of('base').rewards[i] as number));
  if (rewards.every((reward) => reward === 0)) {
    throw new ComputeError(
      'bad-parameter',
      'The tuned model says of every pair what the model before tuning says',
      {
        hint: 'give the model that was tuned as `tuned`, and what it was tuned from as `base`',
      },
    );
  }
  const readings: RewardReading[] = [
    ...read.map(({ role, inContext }) => ({ name: role, claim: role === 'tuned', rows: inContext })),
    { name: 'length', claim: false, rows: textLengths(texts) },
    { name: 'tf_idf', claim: false, rows: tfIdf(texts) },
  ];
  const { folds, shuffles, replicates, level } = params;
  let fitted = 0;
  const learned = readLearnedReward(readings, rewards, prompts, {
    ...{ seed: job.seed, folds, shuffles, replicates, level },
    onProgress: () => job.progress(++fitted, readings.length),
  });
  const published = variants.map(({ name, what, model, reading, split }): PublishedRow => {
    const rows = of(model).alone.get(nameOf(reading)) as Matrix;
    return { name, what, accuracy: publishedAccuracy(rows, texts, prompts, { seed: job.seed, split }) };
  });

  const tables = { table: learnedRewardTable(learned, pairs.length), published: publishedTable(published) };
  const outputs = await Promise.all(
    Object.entries(tables).map(async ([name, table]) => [name, await written(job, name, table)] as const),
  );
  const tuned = learned.readings.find(({ name }) => name === 'tuned');
  const gap = learned.readings.find(({ name }) => name === 'base')?.gap;
  const metrics: Record<string, Metric> = {
    ...(gap && { tau_gap: gap }),
    ...Object.fromEntries(learned.readings.map(({ name, measures }) => [`tau_${name}`, measures.tau])),
    ...(tuned && { agrees: tuned.measures.agrees, prefers_chosen: tuned.measures.prefersChosen }),
    prefers_chosen_implicit: learned.implicit,
    ...Object.fromEntries(published.map(({ name, accuracy }) => [`accuracy_${name}`, accuracy])),
    pairs: { value: pairs.length },
    prompts: { value: learned.prompts },
  };
  return { outputs: Object.fromEntries(outputs), metrics };
};

const ROLES = ['tuned', 'base', 'random'] as const;
type Role = (typeof ROLES)[number];

interface Variant {
  name: string;
  what: string;
  model: Role;
  reading: PublishedReading;
  split: 'response' | 'prompt';
}

/** As published with none of the mistakes first, then each alone, all together, and what should have been done. */
function publishedVariants(mistakes: ReadonlySet<string>): Variant[] {
  const right: PublishedReading = { padMean: false, rejectedTokens: null };
  const all = {
    model: mistakes.has('base-model-activations') ? ('base' as const) : ('tuned' as const),
    reading: {
      padMean: mistakes.has('pad-mean'),
      rejectedTokens: mistakes.has('max-tokens-16') ? REJECTED_TOKENS : null,
    },
  };
  const response = { model: 'tuned' as Role, reading: right, split: 'response' as const };
  return [
    { ...response, name: 'published', what: 'as described: tuned model, means over the response' },
    ...(mistakes.has('pad-mean')
      ? [
          {
            ...response,
            ...{ name: 'pad_mean', what: 'means over padding too (pad_mean)' },
            reading: { ...right, padMean: true },
          },
        ]
      : []),
    ...(mistakes.has('max-tokens-16')
      ? [
          {
            ...response,
            ...{
              name: 'max_tokens_16',
              what: `rejected responses end after ${REJECTED_TOKENS} tokens (max_tokens 16)`,
            },
            reading: { ...right, rejectedTokens: REJECTED_TOKENS },
          },
        ]
      : []),
    ...(mistakes.has('base-model-activations')
      ? [
          {
            ...response,
            ...{ name: 'base_model', what: 'the model before tuning (base_model_activations)' },
            model: 'base' as Role,
          },
        ]
      : []),
    ...(mistakes.size > 1
      ? [{ ...response, ...all, name: 'all_mistakes', what: 'all of these together' }]
      : []),
    { ...response, name: 'by_prompt', what: 'prompts kept apart', split: 'prompt' },
    {
      ...response,
      ...{ name: 'by_prompt_base', what: 'prompts kept apart, before tuning (control)' },
      ...{ model: 'base' as Role, split: 'prompt' as const },
    },
  ];
}

const nameOf = ({ padMean, rejectedTokens }: PublishedReading) => `${padMean} ${rejectedTokens}`;

async function open(
  artifact: MaterialisedArtifact,
  pairs: readonly TokenPair[],
  { layers, tuned }: ProbePreferencesParameters,
): Promise<LanguageModel> {
  const model = await loadModel(artifact.directory);
  checkFits(model, pairs);
  const highest = Math.max(...layers);
  if (highest < model.layers) return model;
  throw new ComputeError(
    'bad-parameter',
    `\`layers\` has ${highest}, but ${artifact.from ?? tuned.from ?? 'the model'} has layers 0 to ${model.layers - 1}`,
    { hint: 'name layers that the model has' },
  );
}

function optionsOf(
  model: LanguageModel,
  { layers, site, batch }: ProbePreferencesParameters,
  padId: number,
): ResponseOptions {
  const places = [...layers].sort((a, b) => a - b).map((layer) => ({ site, layer }));
  return { model, places, batch, padId };
}

/** log p(chosen | prompt) - log p(rejected | prompt), one a pair. */
async function logRatios(
  model: LanguageModel,
  pairs: readonly TokenPair[],
  batch: number,
  padId: number,
  job: Job,
): Promise<Float64Array> {
  const sums = noLogProbs(pairs.length);
  const batches = logProbBatches(pairs, Int32Array.from(pairs.keys()), batch);
  for (const [b, one] of batches.entries()) {
    fillLogProbs(model, pairs, one, padId, sums);
    job.progress(b, batches.length);
  }
  return Float64Array.from(sums.chosen, (sum, i) => sum - (sums.rejected[i] as number));
}

async function written(job: Job, name: string, table: Table) {
  const artifact = job.artifact('table', name);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return artifact;
}
