import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { implicitAccuracy } from '../../ml/preferences/implicit-accuracy.ts';
import { tokenisePairs } from '../../ml/preferences/token-pairs.ts';
import { type RandomStream, stream } from '../../ml/random/stream.ts';
import { checkLengths, completionLimits } from '../../ml/rlhf/complete.ts';
import {
  compareSamples,
  completionKl,
  describeSample,
  type ModelSample,
  sampleModel,
} from '../../ml/rlhf/evaluation.ts';
import { perplexityDrift } from '../../ml/rlhf/perplexity-drift.ts';
import { heldOutPrompts, type Prompt, promptsOf } from '../../ml/rlhf/prompts.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { ModelEvaluateParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import { openReward } from '../feedback.ts';
import { readPreferences } from '../preferences.ts';
import { readTexts } from '../texts.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ModelEvaluateParameters;
  const draws = (name: string) => stream(job.seed, `model.evaluate/${name}`);
  const tokenizer = loadTokenizer(params.base.directory);
  const reward = await openReward(params.reward, job, 'reward');
  const base = await loadModel(params.base.directory);
  const tuned = await loadModel(params.model.directory);
  const completionTokens = params['completion-tokens'] as [number, number];
  checkLengths(base, params['prompt-tokens'] as [number, number], completionTokens);
  if (base.vocabulary !== tuned.vocabulary) {
    throw new ComputeError(
      'bad-parameter',
      `The base model has ${base.vocabulary} tokens, the tuned one ${tuned.vocabulary}: they cannot be compared`,
      { hint: 'give the model that was tuned as `base`' },
    );
  }

  const { prompts, texts } = await choosePrompts(params, tokenizer, draws('prompts'));
  const progress = () => job.progress(prompts.length, prompts.length);
  const limits = completionLimits(prompts.length, completionTokens, draws('limits'));
  const { batch, samples } = params;
  const before: ModelSample = { samples, written: [], rewards: [] };
  const after: ModelSample = { samples, written: [], rewards: [] };
  const kl: number[] = [];
  for (let from = 0; from < prompts.length; from += batch) {
    const group = prompts.slice(from, from + batch);
    const options = () => ({
      samples,
      limits: limits.slice(from, from + batch),
      draws: draws(`completions/${from}`),
    });
    append(before, await sampleModel(base, tokenizer, reward, group, options()));
    const written = await sampleModel(tuned, tokenizer, reward, group, options());
    append(after, written);
    kl.push(...completionKl(tuned, base, written, tokenizer.padId));
    job.progress(from + group.length, prompts.length);
  }
  const drift =
    params['perplexity-tokens'] === 0
      ? {}
      : perplexityDrift(base, tuned, tokenizer, texts, {
          tokens: params['perplexity-tokens'],
          draws: draws('perplexity'),
          progress,
        });
  const preferences = params.pairs
    ? await onPairs(params.pairs.directory, tuned, base, tokenizer, {
        lengths: params['pair-tokens'] as [number, number],
        draws: draws('pairs'),
        progress,
      })
    : {};
  base.dispose();
  tuned.dispose();
  reward.close?.();

  const described = { before: describeSample(before), after: describeSample(after) };
  const table = job.artifact('table', 'samples');
  await writeFile(
    join(table.directory, 'table.json'),
    `${JSON.stringify(exampleTable(before, after, params))}\n`,
  );
  const perPrompt = { n: prompts.length, n_unit: 'prompt' };
  return {
    outputs: { table, before: described.before, after: described.after },
    metrics: {
      ...compareSamples(before, after, kl, draws('bootstrap')),
      distinct2_before: { value: described.before.distinct2, ...perPrompt },
      distinct2_after: { value: described.after.distinct2, ...perPrompt },
      ...drift,
      ...preferences,
    },
    ...(reward.dollars && { dollars: reward.dollars() }),
  };
};

interface Chosen {
  prompts: Prompt[];
  /** What people wrote: of each prompt, the text that begins with it. */
  texts: string[];
}

async function choosePrompts(
  params: ModelEvaluateParameters,
  tokenizer: Tokenizer,
  draws: RandomStream,
): Promise<Chosen> {
  const texts = await readTexts(params.prompts.directory);
  const tokens = params['prompt-tokens'] as [number, number];
  const options = { tokens, minimumCharacters: params['minimum-characters'] };
  const heldOut = heldOutPrompts(promptsOf(texts, tokenizer, options, draws));
  if (heldOut.length < 2) {
    throw new ComputeError(
      'bad-data',
      `Of ${texts.length} texts, ${heldOut.length} give prompts that tuning leaves out`,
      { hint: 'give `prompts` more texts or longer ones, or lower `prompt-tokens`' },
    );
  }
  const order = draws.permutation(heldOut.length).subarray(0, params.count);
  const prompts = Array.from(order, (i) => heldOut[i] as Prompt);
  return { prompts, texts: prompts.map(({ source }) => texts[source] as string) };
}

async function onPairs(
  directory: string,
  tuned: LanguageModel,
  base: LanguageModel,
  tokenizer: Tokenizer,
  options: { lengths: readonly [number, number]; draws: RandomStream; progress: () => void },
) {
  const [maxPromptTokens, maxTokens] = options.lengths;
  const { pairs } = tokenisePairs(await readPreferences(directory), tokenizer, {
    maxPromptTokens,
    maxTokens: Math.min(maxTokens, base.maxPositions),
    keep: 'end',
    endOfText: true,
  });
  return implicitAccuracy(tuned, base, pairs, { ...options, padId: tokenizer.padId });
}

function append(all: ModelSample, group: ModelSample): void {
  all.written.push(...group.written);
  all.rewards.push(...group.rewards);
}

function exampleTable(before: ModelSample, after: ModelSample, params: ModelEvaluateParameters): Table {
  const { examples, samples } = params;
  const shown = Math.min(examples, before.written.length / samples);
  return {
    id: 'completions',
    title: 'The same prompts, completed before and after tuning',
    caption: `The first completion of ${shown} held-out prompts, drawn at random, by the base model and by the tuned one: sampled at temperature 1 from the same random numbers.`,
    columns: [
      { key: 'prompt', label: 'Prompt', format: 'text' },
      { key: 'before', label: 'Before', format: 'text' },
      { key: 'reward_before', label: 'Reward before', format: 'number' },
      { key: 'after', label: 'After', format: 'text' },
      { key: 'reward_after', label: 'Reward after', format: 'number' },
    ],
    rows: Array.from({ length: shown }, (_, i) => ({
      prompt: before.written[i * samples]?.text.prompt ?? '',
      before: before.written[i * samples]?.text.completion ?? '',
      reward_before: before.rewards[i * samples] ?? 0,
      after: after.written[i * samples]?.text.completion ?? '',
      reward_after: after.rewards[i * samples] ?? 0,
    })),
  };
}
