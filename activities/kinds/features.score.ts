import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, Job } from '../../compute/types.ts';
import { checkFailures, type Labeller } from '../../labeling/labeller.ts';
import { ComputeError } from '../../ml/failure.ts';
import { judgedScore, type MeanScore, meanScore, simulatedScore } from '../../ml/features/scoring/measure.ts';
import { type Asked, questionsAbout } from '../../ml/features/scoring/questions.ts';
import { shuffledDescriptions } from '../../ml/features/scoring/shuffled.ts';
import type { SimulationScores } from '../../ml/features/scoring/simulation.ts';
import type {
  FeatureScores,
  JudgedWindow,
  Judgement,
  Measure,
  SimulatedWindow,
} from '../../ml/features/scoring/types.ts';
import type { Feature, FeatureSet } from '../../ml/features/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { FeaturesScoreParameters } from '../../schemas/generated/parameters.ts';
import type { Metric } from '../../store/types.ts';
import { readFeatureSet, writeFeatureSet } from '../feature-set.ts';
import { labelAll, openLabeller } from '../labeller.ts';
import { featureScoresTable, MEASURES, scoresTable } from '../score-tables.ts';

/** One call: whether it failed, and what to do with its answer. */
type Call = () => Promise<{ status: 'labelled' } | { status: 'failed'; code: string; message: string }>;

/** Answers as they come in, of one feature. */
interface Answers {
  detection: JudgedWindow[];
  fuzzing: JudgedWindow[];
  simulation: SimulatedWindow[];
}

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesScoreParameters;
  const set = await readFeatureSet(params.explanations.directory);
  const features = set.features.filter(
    ({ explanation, heldOut, silent }) =>
      explanation?.status === 'labelled' && heldOut.length > 0 && silent.length > 0,
  );
  if (features.length === 0)
    throw new ComputeError('bad-data', 'No feature has a description and excerpts that were kept back', {
      hint: 'give features.explain more `texts`, or a lower `max-density`',
    });
  const shuffles = shuffledDescriptions(
    features.length,
    params.shuffles,
    stream(job.seed, 'features.score.shuffled'),
  );
  if (shuffles.length < params.shuffles)
    job.log(
      `${shuffles.length} shuffles instead of ${params.shuffles}: ${features.length} features are described`,
    );

  const labeller = await openLabeller(params.labeller, job);
  try {
    const calls: Call[] = [];
    const answers = features.map((feature, f) => {
      const descriptions = [
        textOf(feature),
        ...shuffles.map((of) => textOf(features[of[f] as number] as Feature)),
      ];
      return askAbout(feature, descriptions, params, labeller, job, calls);
    });
    const results = await labelAll(job, calls, (call) => call());
    checkFailures(results, params['max-failed'], 'questions');

    const scales: SimulationScores[] = [];
    const scores = new Map(
      features.map((feature, f) => {
        const draws = stream(job.seed, `features.score.interval.${feature.dictionary}.${feature.feature}`);
        const { detection, fuzzing, simulation } = answers[f] as Answers;
        const simulated = simulatedScore(simulation, draws);
        if (simulated) scales.push(simulated.scales);
        const found: [Measure, FeatureScores[Measure]][] = [
          ['detection', judgedScore(detection, 'silent', draws)],
          ['detection-hard', judgedScore(detection, 'neighbour', draws)],
          ['fuzzing', judgedScore(fuzzing, 'silent', draws)],
          ['simulation', simulated?.score],
        ];
        return [feature, Object.fromEntries(found.filter(([, score]) => score)) as FeatureScores];
      }),
    );
    const draws = stream(job.seed, 'features.score.means');
    const means = (Object.keys(MEASURES) as Measure[]).flatMap((measure): [Measure, MeanScore][] => {
      const mean = meanScore([...scores.values()], measure, draws);
      return mean ? [[measure, mean]] : [];
    });
    const scored: FeatureSet = {
      ...set,
      scorer: labeller.note,
      features: set.features.map((feature) => {
        const found = scores.get(feature);
        return found ? { ...feature, scores: found } : feature;
      }),
    };
    const table = job.artifact('table', 'table');
    await writeFile(
      join(table.directory, 'table.json'),
      JSON.stringify(scoresTable(means, labeller.note.name)),
    );
    const byFeature = job.artifact('table', 'by_feature');
    await writeFile(
      join(byFeature.directory, 'table.json'),
      JSON.stringify(featureScoresTable(scored.features)),
    );
    const dollars = labeller.dollars();
    return {
      outputs: { features: await writeFeatureSet(job, scored), table, by_feature: byFeature },
      metrics: {
        ...metricsOf(means),
        ...scaleMetrics(scales),
        scored: { value: features.length, n: set.features.length, n_unit: 'feature' },
        failed: {
          value: results.filter(({ status }) => status === 'failed').length,
          n: results.length,
          n_unit: 'question',
        },
        dollars: { value: dollars, unit: 'USD' },
      },
      dollars,
    };
  } finally {
    labeller.close();
  }
};

const textOf = ({ explanation }: Feature) => (explanation?.status === 'labelled' ? explanation.text : '');

/** Adds the calls of one feature, with its own description first; their answers land in what is returned. */
function askAbout(
  feature: Feature,
  [own, ...others]: readonly string[],
  params: FeaturesScoreParameters,
  labeller: Labeller,
  job: Job,
  calls: Call[],
): Answers {
  const draws = stream(job.seed, `features.score.${feature.dictionary}.${feature.feature}`);
  const options = { windows: params.windows, perQuestion: params['per-question'] };
  const questions = questionsAbout(feature, options, draws);
  const tried = [own as string, ...others];
  const asks = (method: FeaturesScoreParameters['methods'][number]) => params.methods.includes(method);

  const judge = <Window>(
    dealt: readonly Asked<Window>[][],
    ask: (description: string, windows: Window[]) => Promise<Judgement>,
  ): JudgedWindow[] =>
    dealt.flatMap((question) => {
      const judged = question.map(
        ({ truth }): JudgedWindow => ({ truth, own: null, shuffled: others.map(() => null) }),
      );
      for (const [d, description] of tried.entries()) {
        calls.push(async () => {
          const judgement = await ask(
            description,
            question.map(({ window }) => window),
          );
          if (judgement.status === 'failed') return judgement;
          for (const [i, window] of judged.entries()) {
            const answer = judgement.answers[i] as boolean;
            if (d === 0) window.own = answer;
            else window.shuffled[d - 1] = answer;
          }
          return judgement;
        });
      }
      return judged;
    });

  return {
    detection: asks('detection')
      ? judge(questions.detection, (description, windows) =>
          labeller.detect(
            description,
            windows.map(({ tokens }) => tokens),
          ),
        )
      : [],
    fuzzing: asks('fuzzing')
      ? judge(questions.fuzzing, (description, windows) => labeller.fuzz(description, windows))
      : [],
    simulation: asks('simulation')
      ? questions.simulation.map(({ tokens, activations }) => {
          const window: SimulatedWindow = {
            activations: activations.map((activation) => (10 * Math.max(0, activation)) / feature.max),
            own: null,
            shuffled: others.map(() => null),
          };
          for (const [d, description] of tried.entries()) {
            calls.push(async () => {
              const simulation = await labeller.simulate(description, tokens);
              if (simulation.status === 'failed') return simulation;
              if (d === 0) window.own = simulation.levels;
              else window.shuffled[d - 1] = simulation.levels;
              return simulation;
            });
          }
          return window;
        })
      : [],
  };
}

function metricsOf(means: readonly [Measure, MeanScore][]): Record<string, Metric> {
  return Object.fromEntries(
    means.flatMap(([measure, { own, shuffled, gap, established, compared }]): [string, Metric][] => {
      const name = measure.replace('-', '_');
      return [
        [name, own],
        ...(shuffled && gap
          ? ([
              [`${name}_shuffled`, shuffled],
              [`${name}_gap`, gap],
              [`${name}_established`, { value: established, n: compared, n_unit: 'feature' }],
            ] as [string, Metric][])
          : []),
      ];
    }),
  );
}

function scaleMetrics(scales: readonly SimulationScores[]): Record<string, Metric> {
  if (scales.length === 0) return {};
  const mean = (name: keyof SimulationScores): Metric => ({
    value: scales.reduce((sum, scale) => sum + scale[name], 0) / scales.length,
    n: scales.length,
    n_unit: 'feature',
  });
  return {
    simulation_r_squared: mean('r_squared'),
    simulation_absolute_deviation: mean('absolute_deviation'),
  };
}
