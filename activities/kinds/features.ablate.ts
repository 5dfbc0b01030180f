import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { type FeatureSets, type Intervention, interventionHooks } from '../../ml/features/ablation.ts';
import { evenlyRandom, matchedRandom } from '../../ml/features/matched.ts';
import {
  changeOf,
  changeOfDraws,
  difference,
  meansOf,
  type Outcome,
  rewardOverDraws,
} from '../../ml/features/outcome.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { FeaturesAblateParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Metric } from '../../store/types.ts';
import { CONDITION_COLUMNS, conditionRow, contrastRow } from '../condition-table.ts';
import { readFeatureSet } from '../feature-set.ts';
import { openReward } from '../feedback.ts';
import { Conditions, checkPositions, chooseTrial, drawnFeatures, relatedFeatures } from '../interventions.ts';

/** What came of every condition of one step. */
interface Study {
  intact: Outcome;
  /** `dose` 1: removed. As published: with the dictionary's error. */
  removed: { dose: number; outcome: Outcome }[];
  reconstruct: Outcome | null;
  matched: Outcome[];
  random: Outcome[];
  base: { intact: Outcome; removed: Outcome } | null;
}

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesAblateParameters;
  const faithful = params.protocol === 'faithful';
  const features = await readFeatureSet(params.features.directory);
  const dictionaries = new Map(
    params.dictionaries.map(({ directory, digest }) => [loadDictionary(directory), digest]),
  );
  const tokenizer = loadTokenizer(params.model.directory);
  const trial = await chooseTrial(params, tokenizer, job);
  const related = relatedFeatures(features, dictionaries);
  const count = [...related.values()].reduce((sum, set) => sum + set.length, 0);
  const artifact = job.artifact('table', 'table');
  if (count === 0) {
    // A finding, not a failure: there is nothing to remove, and no number is made up for it.
    await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(emptyTable)}\n`);
    return { outputs: { table: artifact }, metrics: { features_removed: { value: 0 } } };
  }

  const draws = faithful ? 0 : params['random-draws'];
  const doses = faithful ? [1] : params.doses.includes(1) ? params.doses : [...params.doses, 1];
  const total = 1 + doses.length + 2 * draws + (faithful ? 0 : 1) + (params.base ? 2 : 0);
  const reward = await openReward(params.reward, job, 'reward');
  const conditions = new Conditions(job, params, trial, tokenizer, reward, total);
  const under = async (model: LanguageModel, intervention: Intervention): Promise<Outcome> => {
    const { hooks, dispose } = interventionHooks([...dictionaries.keys()], intervention);
    try {
      return await conditions.run(model, hooks);
    } finally {
      dispose();
    }
  };
  const remove = (sets: FeatureSets, scale: number): Intervention =>
    faithful ? { type: 'published', sets } : { type: 'features', sets, scale };
  const control = async (model: LanguageModel, name: 'matched' | 'random'): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (let draw = 0; draw < draws; draw++) {
      const sets = drawnFeatures(
        name === 'matched' ? matchedRandom : evenlyRandom,
        related,
        features,
        dictionaries,
        stream(job.seed, `features.ablate.${name}.${draw}`),
      );
      outcomes.push(await under(model, remove(sets, 1)));
    }
    return outcomes;
  };

  const model = await loadModel(params.model.directory);
  checkPositions(model, params);
  const intact = await conditions.run(model, []);
  const removed: Study['removed'] = [];
  for (const dose of doses) removed.push({ dose, outcome: await under(model, remove(related, dose)) });
  const reconstruct = faithful ? null : await under(model, { type: 'reconstruct' });
  const matched = await control(model, 'matched');
  const random = await control(model, 'random');
  model.dispose();
  let base: Study['base'] = null;
  if (params.base) {
    const before = await loadModel(params.base.directory);
    base = {
      intact: await conditions.run(before, []),
      removed: await under(before, remove(related, 1)),
    };
    before.dispose();
  }
  for (const dictionary of dictionaries.keys()) dictionary.dispose();
  reward.close?.();

  const { metrics, table } = measure(
    { intact, removed, reconstruct, matched, random, base },
    { seed: job.seed, features: count, faithful },
  );
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return {
    outputs: { table: artifact },
    metrics: { ...metrics, features_removed: { value: count } },
    ...(reward.dollars && { dollars: reward.dollars() }),
  };
};

const emptyTable: Table = {
  id: 'ablation',
  title: 'Effect of each condition',
  caption: 'No feature was judged related to the task, so nothing was removed.',
  columns: [{ key: 'condition', label: 'condition' }],
  rows: [],
};

function measure(
  { intact, removed, reconstruct, matched, random, base }: Study,
  { seed, features, faithful }: { seed: number; features: number; faithful: boolean },
): { metrics: Record<string, Metric>; table: Table } {
  const draws = (name: string) => stream(seed, `features.ablate.bootstrap.${name}`);
  const whole = removed.find(({ dose }) => dose === 1)?.outcome as Outcome;
  const [rewardIntact, rewardAblated] = meansOf([intact.rewards, whole.rewards], draws('rewards')) as [
    Estimate,
    Estimate,
  ];
  const change = changeOf(whole, intact, draws('removed'));
  const metrics: Record<string, Metric> = {
    reward_intact: rewardIntact,
    reward_ablated: rewardAblated,
    effect: change.reward,
    length_change: change.length,
    ...(change.loss && { loss_change: change.loss }),
  };
  const rows: Table['rows'] = removed.map(({ dose, outcome }) =>
    conditionRow(
      faithful
        ? 'related features set to 0, activations replaced by the reconstruction'
        : `related features × ${dose} subtracted`,
      changeOf(outcome, intact, draws(`dose.${dose}`)),
    ),
  );
  for (const [name, label, outcomes] of [
    ['matched', 'as many features of like density and activation removed', matched],
    ['random', 'as many features drawn evenly removed', random],
  ] as const) {
    if (outcomes.length === 0) continue;
    const drawn = changeOfDraws(outcomes, intact);
    const over = rewardOverDraws(whole, outcomes);
    metrics[`effect_${name}`] = drawn.reward;
    metrics[`effect_over_${name}`] = over;
    if (drawn.loss) metrics[`loss_change_${name}`] = drawn.loss;
    rows.push(
      conditionRow(`${label} (${outcomes.length} draws)`, drawn),
      contrastRow(`related − ${name}`, over),
    );
  }
  if (reconstruct) {
    const error = changeOf(reconstruct, intact, draws('reconstruct'));
    metrics.effect_reconstruct = error.reward;
    rows.push(conditionRow('reconstruction only, nothing removed', error));
  }
  if (base) {
    const before = changeOf(base.removed, base.intact, draws('base'));
    const tuned = difference(whole.rewards, intact.rewards);
    const untuned = difference(base.removed.rewards, base.intact.rewards);
    const [over] = meansOf([difference(tuned, untuned)], draws('over-base')) as [Estimate];
    metrics.effect_base = before.reward;
    metrics.effect_over_base = over;
    rows.push(
      conditionRow('the same in the model before tuning', before),
      contrastRow('tuned − before tuning', over),
    );
  }
  const caption = faithful
    ? `As published: the dictionary's error goes with the ${features} features, so that the effect is of both, and there is no control. Against the intact model on ${intact.rewards.length} held-out prompts.`
    : `Against the intact tuned model on the completions of ${intact.rewards.length} held-out prompts; ${features} features removed, the dictionary's error stays in.`;
  return {
    metrics,
    table: {
      id: faithful ? 'ablation-published' : 'ablation',
      title: faithful ? 'Removing features, as published' : 'Effect of each condition',
      caption,
      columns: CONDITION_COLUMNS,
      rows,
    },
  };
}
