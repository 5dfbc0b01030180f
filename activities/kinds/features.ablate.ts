import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { type Intervention, interventionHooks } from '../../ml/features/ablation.ts';
import { ablationEffects } from '../../ml/features/ablation-effects.ts';
import { matchedRandom } from '../../ml/features/matched.ts';
import type { FeatureSet } from '../../ml/features/types.ts';
import { sample } from '../../ml/generation/sample.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel, Tokenizer } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Reward } from '../../ml/rewards/types.ts';
import { heldOutPrompts, type Prompt, promptsOf } from '../../ml/rlhf/prompts.ts';
import { scoreTexts } from '../../ml/rlhf/score.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { FeaturesAblateParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Metric } from '../../store/types.ts';
import { openReward } from '../feedback.ts';
import { readJsonLines } from '../json-lines.ts';

type FeatureSets = ReadonlyMap<Dictionary, readonly number[]>;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesAblateParameters;
  const features = JSON.parse(
    await readFile(join(params.features.directory, 'features.json'), 'utf8'),
  ) as FeatureSet;
  const dictionaries = params.dictionaries.map((artifact) => loadDictionary(artifact.directory));
  const tokenizer = loadTokenizer(params.model.directory);
  const prompts = await choosePrompts(params, tokenizer, job.seed);
  const related = relatedFeatures(params, features, dictionaries);
  const removed = [...related.values()].reduce((sum, set) => sum + set.length, 0);
  const artifact = job.artifact('table', 'table');
  if (removed === 0) {
    // A finding, not a failure: there is nothing to remove, and no number is made up for it.
    await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(emptyTable)}\n`);
    return { outputs: { table: artifact }, metrics: { features_removed: { value: 0 } } };
  }
  const reward = await openReward(params.reward, job, 'reward');
  const draws = Array.from({ length: params['random-draws'] }, (_, draw) =>
    randomFeatures(params, features, dictionaries, related, job.seed, draw),
  );

  const conditions = 2 + params.doses.length + draws.length + (params.base ? 2 : 0);
  const total = conditions * prompts.length;
  let done = 0;
  const rewardsUnder = async (model: LanguageModel, intervention: Intervention | null): Promise<number[]> => {
    const { hooks, dispose } = intervention
      ? interventionHooks(dictionaries, intervention)
      : { hooks: [], dispose: () => undefined };
    try {
      const rewards: number[] = [];
      // The same stream under every condition: completions differ only by what was done to the model.
      const random = stream(job.seed, 'features.ablate.completions');
      for (let from = 0; from < prompts.length; from += params.batch) {
        const group = prompts.slice(from, from + params.batch);
        rewards.push(...(await score(model, group, hooks, tokenizer, reward, params, random)));
        done += group.length;
        job.progress(done, total);
      }
      return rewards;
    } finally {
      dispose();
    }
  };

  const model = await loadModel(params.model.directory);
  const intact = await rewardsUnder(model, null);
  const reconstruct = await rewardsUnder(model, { type: 'reconstruct' });
  const doses: { dose: number; rewards: number[] }[] = [];
  for (const dose of params.doses)
    doses.push({
      dose,
      rewards: await rewardsUnder(model, { type: 'features', sets: related, scale: dose }),
    });
  const random: number[][] = [];
  for (const sets of draws) random.push(await rewardsUnder(model, { type: 'features', sets, scale: 1 }));
  model.dispose();

  const base = params.base ? await baseRewards(params.base.directory, rewardsUnder, related) : undefined;
  const effects = ablationEffects(
    { intact, reconstruct, doses, random, ...(base ? { base } : {}) },
    stream(job.seed, 'features.ablate.bootstrap'),
  );
  const { dose, ...metrics } = effects;
  const table = conditionTable(effects, params, removed);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  for (const dictionary of dictionaries) dictionary.dispose();
  reward.close?.();
  return {
    outputs: { table: artifact },
    metrics: { ...(metrics as unknown as Record<string, Metric>), features_removed: { value: removed } },
    ...(reward.dollars && { dollars: reward.dollars() }),
  };
};

async function baseRewards(
  directory: string,
  rewardsUnder: (model: LanguageModel, intervention: Intervention | null) => Promise<number[]>,
  related: FeatureSets,
) {
  const model = await loadModel(directory);
  const intact = await rewardsUnder(model, null);
  const ablated = await rewardsUnder(model, { type: 'features', sets: related, scale: 1 });
  model.dispose();
  return { intact, ablated };
}

async function choosePrompts(
  params: FeaturesAblateParameters,
  tokenizer: Tokenizer,
  seed: number,
): Promise<Prompt[]> {
  const texts: string[] = [];
  for await (const { text } of readJsonLines<{ text: string }>(join(params.prompts.directory, 'texts.jsonl')))
    texts.push(text);
  const tokens = [params['prompt-tokens'], params['prompt-tokens']] as const;
  const random = stream(seed, 'features.ablate.prompts');
  const heldOut = heldOutPrompts(promptsOf(texts, tokenizer, { tokens, minimumCharacters: 1 }, random));
  const chosen = Array.from(
    random.permutation(heldOut.length).subarray(0, params.count),
    (i) => heldOut[i] as Prompt,
  );
  if (chosen.length < 8) {
    throw new ComputeError(
      'bad-data',
      `Only ${chosen.length} held-out prompts of ${params['prompt-tokens']} tokens are in \`prompts\``,
      {
        hint: 'give more texts, or other `prompt-tokens`',
      },
    );
  }
  return chosen;
}

/** The related features of each dictionary, matched by the dictionaries' digests. */
function relatedFeatures(
  params: FeaturesAblateParameters,
  features: FeatureSet,
  dictionaries: readonly Dictionary[],
): FeatureSets {
  return new Map(
    dictionaries.map((dictionary, i) => {
      const index = indexOf(params, features, i);
      const chosen = features.features.filter(
        (feature) =>
          feature.dictionary === index &&
          feature.relation?.status === 'labelled' &&
          feature.relation.answer === 'related',
      );
      return [dictionary, chosen.map(({ feature }) => feature).sort((a, b) => a - b)];
    }),
  );
}

function randomFeatures(
  params: FeaturesAblateParameters,
  features: FeatureSet,
  dictionaries: readonly Dictionary[],
  related: FeatureSets,
  seed: number,
  draw: number,
): FeatureSets {
  return new Map(
    dictionaries.map((dictionary, i) => {
      const means = features.dictionaries[indexOf(params, features, i)]?.means ?? [];
      return [
        dictionary,
        matchedRandom(
          related.get(dictionary) ?? [],
          means,
          stream(seed, `features.ablate.random.${draw}.${i}`),
        ),
      ];
    }),
  );
}

function indexOf(params: FeaturesAblateParameters, features: FeatureSet, dictionary: number): number {
  const digest = params.dictionaries[dictionary]?.digest;
  const index = features.dictionaries.findIndex((known) => known.digest === digest);
  if (index < 0) {
    throw new ComputeError(
      'bad-parameter',
      `\`features\` says nothing about dictionary ${dictionary + 1} of \`dictionaries\``,
      {
        hint: 'give the dictionaries whose features were described',
      },
    );
  }
  return index;
}

async function score(
  model: LanguageModel,
  prompts: readonly Prompt[],
  hooks: ReturnType<typeof interventionHooks>['hooks'],
  tokenizer: Tokenizer,
  reward: Reward,
  params: FeaturesAblateParameters,
  random: ReturnType<typeof stream>,
): Promise<number[]> {
  const completions = sample(
    model,
    prompts.map(({ ids }) => ids),
    { maxNewTokens: params['completion-tokens'], eosId: tokenizer.eosId, padId: tokenizer.padId, hooks },
    random,
  );
  return scoreTexts(
    reward,
    completions.map(({ ids, ended }, i) => {
      const written = ended ? ids.slice(0, -1) : ids;
      const completion = tokenizer.decode(written);
      return { prompt: (prompts[i] as Prompt).text, completion, tokens: written.length };
    }),
  );
}

const emptyTable: Table = {
  id: 'ablation',
  title: 'Effect of each condition',
  caption: 'No feature was judged related to the task, so nothing was removed.',
  columns: [{ key: 'condition', label: 'condition' }],
  rows: [],
};

function conditionTable(
  effects: ReturnType<typeof ablationEffects>,
  params: FeaturesAblateParameters,
  removed: number,
): Table {
  const row = (condition: string, estimate: Estimate | undefined) =>
    estimate
      ? [
          {
            condition,
            effect: estimate.value,
            low: estimate.ci_low ?? null,
            high: estimate.ci_high ?? null,
            n: estimate.n,
          },
        ]
      : [];
  return {
    id: 'ablation',
    title: 'Effect of each condition',
    caption: `Mean reward of completions of ${effects.effect.n} held-out prompts under each condition, minus that of the intact tuned model; ${removed} features removed.`,
    columns: [
      { key: 'condition', label: 'condition' },
      {
        key: 'effect',
        label: 'change of reward',
        format: 'number',
        interval: ['low', 'high'],
        definition: 'Paired by prompt; 95 % bootstrap interval over prompts.',
      },
      { key: 'n', label: 'prompts', format: 'integer' },
    ],
    rows: [
      ...params.doses.flatMap((dose, i) => row(`related features × ${dose} subtracted`, effects.dose[i])),
      ...row(
        `random features of like activity removed (${params['random-draws']} draws)`,
        effects.effect_random,
      ),
      ...row('related − random', effects.effect_over_random),
      ...row('reconstruction only', effects.effect_reconstruct),
      ...row('related features removed before tuning (base model)', effects.effect_base),
    ],
  };
}
