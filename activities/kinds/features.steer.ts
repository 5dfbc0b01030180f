import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job } from '../../compute/types.ts';
import { openActivations } from '../../ml/activations/read.ts';
import { ComputeError } from '../../ml/failure.ts';
import { doseSlopes } from '../../ml/features/dose-response.ts';
import { matchedRandom } from '../../ml/features/matched.ts';
import {
  changeOf,
  changeOfDraws,
  difference,
  meansOf,
  type Outcome,
  rewardOverDraws,
} from '../../ml/features/outcome.ts';
import {
  type Direction,
  differenceDirection,
  featureDirection,
  randomDirection,
  steeringHooks,
} from '../../ml/features/steering.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import { distinct } from '../../ml/rlhf/distinct.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { crossedMean } from '../../ml/stats/crossed-mean.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { FeaturesSteerParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';
import type { Metric } from '../../store/types.ts';
import { CONDITION_COLUMNS, conditionRow, contrastRow } from '../condition-table.ts';
import { readFeatureSet } from '../feature-set.ts';
import { openReward } from '../feedback.ts';
import { Conditions, checkPositions, chooseTrial, relatedFeatures, surveyOf } from '../interventions.ts';

/** What came of one direction at every dose, in the order asked. */
type Curve = { dose: number; outcome: Outcome }[];

interface Study {
  intact: Outcome;
  steered: Curve;
  random: Curve[];
  /** Other features in place of the related ones; none for `direction: difference`. */
  matched: Curve[];
  base: { intact: Outcome; steered: Curve } | null;
}

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesSteerParameters;
  const tokenizer = loadTokenizer(params.model.directory);
  const trial = await chooseTrial(params, tokenizer, job);
  const artifact = job.artifact('table', 'table');
  const { directions, matched, features } = await directionsOf(params, job);
  if (directions.length === 0) {
    // A finding, not a failure: no feature is related, and no direction is made up.
    await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(emptyTable)}\n`);
    return { outputs: { table: artifact }, metrics: { features_steered: { value: 0 } } };
  }
  const random = Array.from({ length: params['random-draws'] }, (_, draw) =>
    directions.map((direction) =>
      randomDirection(direction, stream(job.seed, `features.steer.random.${draw}.${direction.layer}`)),
    ),
  );
  const doses = params.doses.length;
  const total = 1 + doses * (1 + random.length + matched.length) + (params.base ? 1 + doses : 0);
  const reward = await openReward(params.reward, job, 'reward');
  const conditions = new Conditions(job, params, trial, tokenizer, reward, total);
  const curve = async (model: LanguageModel, along: readonly Direction[]): Promise<Curve> => {
    const outcomes: Curve = [];
    for (const dose of params.doses) {
      const { hooks, dispose } = steeringHooks(along, dose);
      try {
        outcomes.push({ dose, outcome: await conditions.run(model, hooks) });
      } finally {
        dispose();
      }
    }
    return outcomes;
  };
  const curves = async (model: LanguageModel, of: readonly (readonly Direction[])[]): Promise<Curve[]> => {
    const made: Curve[] = [];
    for (const along of of) made.push(await curve(model, along));
    return made;
  };

  const model = await loadModel(params.model.directory);
  checkPositions(model, params);
  const study: Study = {
    intact: await conditions.run(model, []),
    steered: await curve(model, directions),
    random: await curves(model, random),
    matched: await curves(model, matched),
    base: null,
  };
  model.dispose();
  if (params.base) {
    const before = await loadModel(params.base.directory);
    study.base = { intact: await conditions.run(before, []), steered: await curve(before, directions) };
    before.dispose();
  }
  reward.close?.();

  const { metrics, table } = measure(study, job.seed);
  await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
  return {
    outputs: { table: artifact },
    metrics: { ...metrics, ...(features !== null && { features_steered: { value: features } }) },
    ...(reward.dollars && { dollars: reward.dollars() }),
  };
};

interface Directions {
  directions: Direction[];
  matched: Direction[][];
  /** How many features they are made of; null: not of features. */
  features: number | null;
}

async function directionsOf(params: FeaturesSteerParameters, job: Job): Promise<Directions> {
  const dictionaries = new Map(
    (params.dictionaries ?? []).map(({ directory, digest }) => [loadDictionary(directory), digest]),
  );
  const [first] = dictionaries.keys();
  const activations = openActivations(params.activations.directory, first?.site);
  if (activations.index.source.type !== 'triples')
    throw new ComputeError(
      'bad-parameter',
      'The activations were not captured at the target words of triples',
      {
        hint: 'give `activations` an activations.capture step with `triples`',
      },
    );
  if (activations.index.model !== params.model.digest)
    throw new ComputeError('bad-parameter', 'The activations are of another model than the one to steer', {
      hint: 'give `activations` captured from `model`',
    });
  try {
    if (params.direction === 'difference') {
      const layers =
        dictionaries.size > 0 ? [...dictionaries.keys()].map(({ layer }) => layer) : activations.layers;
      const directions = [...new Set(layers)].map((layer) => differenceDirection(activations, layer));
      return { directions, matched: [], features: null };
    }
    if (!params.features || dictionaries.size === 0)
      throw new ComputeError(
        'bad-parameter',
        'The direction of features needs `features` and `dictionaries`',
        {
          hint: 'give both, or `direction: difference`',
        },
      );
    const set = await readFeatureSet(params.features.directory);
    const related = [...relatedFeatures(set, dictionaries)].filter(([, chosen]) => chosen.length > 0);
    const matched = Array.from({ length: params['random-draws'] }, (_, draw) =>
      related.map(([dictionary, chosen]) => {
        const survey = surveyOf(set, dictionaries.get(dictionary) ?? '');
        const draws = stream(job.seed, `features.steer.matched.${draw}.${dictionary.layer}`);
        return featureDirection(activations, dictionary, chosen, matchedRandom(chosen, survey, draws));
      }),
    );
    return {
      directions: related.map(([dictionary, chosen]) => featureDirection(activations, dictionary, chosen)),
      matched: related.length > 0 ? matched : [],
      features: related.reduce((sum, [, chosen]) => sum + chosen.length, 0),
    };
  } finally {
    for (const dictionary of dictionaries.keys()) dictionary.dispose();
  }
}

const emptyTable: Table = {
  id: 'steering',
  title: 'Steering',
  caption: 'No feature was judged related to the task, so there was no direction to steer along.',
  columns: [{ key: 'condition', label: 'condition' }],
  rows: [],
};

const slopesOf = (intact: Outcome, curve: Curve): Float64Array =>
  doseSlopes([
    { dose: 0, values: intact.rewards },
    ...curve.filter(({ dose }) => dose !== 0).map(({ dose, outcome }) => ({ dose, values: outcome.rewards })),
  ]);

function measure(
  { intact, steered, random, matched, base }: Study,
  seed: number,
): { metrics: Record<string, Metric>; table: Table } {
  const draws = (name: string) => stream(seed, `features.steer.bootstrap.${name}`);
  const top = steered.reduce((best, point) => (point.dose > best.dose ? point : best));
  const atTop = (curves: readonly Curve[]): Outcome[] =>
    curves.map((curve) => curve.find(({ dose }) => dose === top.dose)?.outcome as Outcome);
  const slopes = slopesOf(intact, steered);
  const [rewardIntact, rewardSteered, slope] = meansOf(
    [intact.rewards, top.outcome.rewards, slopes],
    draws('rewards'),
  ) as [Estimate, Estimate, Estimate];
  const change = changeOf(top.outcome, intact, draws('top'));
  const drawn = changeOfDraws(atTop(random), intact);
  const prompts = { n: intact.rewards.length, n_unit: 'prompt' };
  const metrics: Record<string, Metric> = {
    reward_intact: rewardIntact,
    reward_steered: rewardSteered,
    effect: change.reward,
    effect_random: drawn.reward,
    effect_over_random: rewardOverDraws(top.outcome, atTop(random)),
    slope,
    ...(change.loss && { loss_change: change.loss }),
    ...(drawn.loss && { loss_change_random: drawn.loss }),
    length_change: change.length,
    distinct2_intact: { value: distinct(intact.completions, 2), ...prompts },
    distinct2_steered: { value: change.distinct2, ...prompts },
  };
  const rows: Table['rows'] = steered.map(({ dose, outcome }) =>
    conditionRow(`rewarded direction × ${dose}`, changeOf(outcome, intact, draws(`dose.${dose}`))),
  );
  for (const [name, label, curves] of [
    ['random', 'random direction of the same norm', random],
    ['matched', 'other features of like density', matched],
  ] as const) {
    if (curves.length === 0) continue;
    const drawnSlopes = curves.map((curve) => slopesOf(intact, curve));
    metrics[`slope_${name}`] = crossedMean(drawnSlopes, 'prompt');
    metrics[`slope_over_${name}`] = crossedMean(
      drawnSlopes.map((other) => difference(slopes, other)),
      'prompt',
    );
    for (const { dose } of steered) {
      const outcomes = curves.map((curve) => curve.find((point) => point.dose === dose)?.outcome as Outcome);
      rows.push(conditionRow(`${label} × ${dose} (${curves.length} draws)`, changeOfDraws(outcomes, intact)));
    }
    rows.push(contrastRow(`rewarded − ${name}, × ${top.dose}`, rewardOverDraws(top.outcome, atTop(curves))));
  }
  if (base) {
    const before = slopesOf(base.intact, base.steered);
    const [slopeBase, over] = meansOf([before, difference(slopes, before)], draws('base')) as [
      Estimate,
      Estimate,
    ];
    metrics.slope_base = slopeBase;
    metrics.slope_over_base = over;
    for (const { dose, outcome } of base.steered)
      rows.push(
        conditionRow(
          `before tuning: rewarded direction × ${dose}`,
          changeOf(outcome, base.intact, draws(`base.${dose}`)),
        ),
      );
  }
  return {
    metrics,
    table: {
      id: 'steering',
      title: 'Steering along the rewarded direction',
      caption: `Against the model with nothing added, on the completions of ${intact.rewards.length} held-out prompts. A dose is in norms of the activations where the direction is added, at every position.`,
      columns: CONDITION_COLUMNS,
      rows,
    },
  };
}
