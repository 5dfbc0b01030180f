import { join } from 'node:path';
import type { ActivityBody, Job } from '../../compute/types.ts';
import { checkFailures } from '../../labeling/labeller.ts';
import { captureItems } from '../../ml/activations/capture.ts';
import { textItem } from '../../ml/activations/items.ts';
import { unvisited, visitingOrder } from '../../ml/activations/order.ts';
import type { CaptureItem, TextSelection } from '../../ml/activations/types.ts';
import { dataOf } from '../../ml/engine/data-of.ts';
import { tensorflow } from '../../ml/engine/engine.ts';
import { ComputeError } from '../../ml/failure.ts';
import { ActivationSurvey, candidates, type EncodedText } from '../../ml/features/examples.ts';
import { type ExampleOptions, featureExamples } from '../../ml/features/feature-examples.ts';
import { nearestFeatures } from '../../ml/features/neighbours.ts';
import { FeatureTraces } from '../../ml/features/traces.ts';
import type { Explanation, Feature, FeatureSet } from '../../ml/features/types.ts';
import { RADIUS, splitTexts } from '../../ml/features/windows.ts';
import { loadModel } from '../../ml/models/load.ts';
import type { Tokenizer } from '../../ml/models/types.ts';
import { type RandomStream, stream } from '../../ml/random/stream.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { loadDictionary } from '../../ml/sae/load.ts';
import { proportion } from '../../ml/stats/proportion.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { FeaturesExplainParameters } from '../../schemas/generated/parameters.ts';
import { writeFeatureSet } from '../feature-set.ts';
import { readJsonLines } from '../json-lines.ts';
import { labelAll, openLabeller } from '../labeller.ts';
import { logitEffectsOf } from '../logit-effects.ts';

/** The first position attends to nothing and has outlying activations. */
const SKIPPED = 1;
const BATCH = 32;
/** Similar features that hard negatives are taken from. */
const NEIGHBOURS = 10;
/** Excerpts shown; as published. */
const SHOWN = { corrected: 10, faithful: 5 };
/** As published, a text is its first characters, all of its positions count, and it is shown whole. */
const PUBLISHED_CHARACTERS = 50;

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as FeaturesExplainParameters;
  const faithful = params.protocol === 'faithful';
  const form = params.prompt ?? (faithful ? 'paper' : 'modern');
  const dictionaries = params.dictionaries.map(({ directory }) => loadDictionary(directory, ['transcoder']));
  const tokenizer = loadTokenizer(params.model.directory);
  const items = await sample(params, dictionaries, tokenizer, job);
  const forScoring = splitTexts(items.length, stream(job.seed, 'features.explain.split'));
  const acts = await capture(params, dictionaries, items, tokenizer);
  const excerpts: ExampleOptions = {
    protocol: params.protocol,
    shown: params.examples ?? SHOWN[params.protocol],
    random: faithful ? 0 : params.random,
    heldOut: params['held-out'],
    radius: faithful ? params['max-length'] : RADIUS,
  };

  let alive = 0;
  const means: number[][] = [];
  const densities: number[][] = [];
  const features = dictionaries.flatMap((dictionary, d) => {
    const encode = (text: number): EncodedText => encodeText(dictionary, items, acts, text, tokenizer);
    const survey = new ActivationSurvey(dictionary.features);
    items.forEach((_, text) => {
      survey.add(text, encode(text));
    });
    const limits = { minimumTexts: params['min-texts'], maximumDensity: params['max-density'] };
    const possible = candidates(survey, limits, forScoring);
    alive += possible.length;
    const perPosition = (sums: Float64Array) =>
      Array.from(sums, (sum) => Number((sum / survey.positions).toPrecision(6)));
    means.push(perPosition(survey.total_F));
    densities.push(perPosition(survey.active_F));
    const draws = stream(job.seed, `features.explain.${d}`);
    const chosen = choose(possible, survey, params.choose, params['per-dictionary'], draws);
    const neighbours = nearestFeatures(dictionary.decoder_FD, chosen, possible, NEIGHBOURS);
    const traces = new FeatureTraces([...chosen, ...neighbours.flat()]);
    const tokens = items.map((_, text) => {
      const encoded = encode(text);
      traces.add(encoded.activations_TF, dictionary.features);
      return encoded.tokens;
    });
    const source = {
      survey,
      forScoring,
      trace: (latent: number, text: number) => ({
        text: (items[text] as CaptureItem).text,
        tokens: tokens[text] as string[],
        activations_T: traces.of(latent, text),
      }),
    };
    return chosen.map(
      (feature, c): Feature => ({
        dictionary: d,
        layer: dictionary.layer,
        feature,
        density: (survey.active_F[feature] as number) / survey.positions,
        max: survey.max_F[feature] as number,
        mean: (survey.total_F[feature] as number) / survey.positions,
        ...featureExamples(feature, neighbours[c] as number[], source, excerpts, draws),
      }),
    );
  });

  const logits = await logitEffectsOf(params.model.directory, dictionaries, features, items, tokenizer);
  const labeller = await openLabeller(params.labeller, job);
  try {
    const explanations = await labelAll(
      job,
      features,
      (feature): Promise<Explanation> => labeller.explain(feature, form),
    );
    checkFailures(explanations, params['max-failed'], 'descriptions');
    const scoring = forScoring.filter(Boolean).length;
    const set: FeatureSet = {
      labeller: labeller.note,
      protocol: params.protocol,
      prompt: form,
      split: { explaining: items.length - scoring, scoring },
      dictionaries: dictionaries.map((dictionary, i) => ({
        digest: params.dictionaries[i]?.digest ?? '',
        from: params.dictionaries[i]?.from ?? '',
        layer: dictionary.layer,
        width: dictionary.width,
        features: dictionary.features,
        means: means[i] as number[],
        densities: densities[i] as number[],
      })),
      features: features.map((feature, i) => ({
        ...feature,
        ...(logits[i] && { logits: logits[i] }),
        explanation: explanations[i] as Explanation,
      })),
    };
    const failed = explanations.filter((explanation) => explanation.status === 'failed').length;
    const total = dictionaries.reduce((sum, dictionary) => sum + dictionary.features, 0);
    const dollars = labeller.dollars();
    return {
      outputs: { features: await writeFeatureSet(job, set) },
      metrics: {
        explained: { value: features.length - failed, n: features.length, n_unit: 'feature' },
        failed: { value: failed, n: features.length, n_unit: 'feature' },
        alive_share: proportion(alive, total, 'feature'),
        dollars: { value: dollars, unit: 'USD' },
      },
      dollars,
    };
  } finally {
    labeller.close();
    for (const dictionary of dictionaries) dictionary.dispose();
  }
};

/** Texts that no dictionary was trained on, as far as there are any; then others. */
async function sample(
  params: FeaturesExplainParameters,
  dictionaries: readonly Dictionary[],
  tokenizer: Tokenizer,
  job: Job,
): Promise<CaptureItem[]> {
  const faithful = params.protocol === 'faithful';
  const texts: string[] = [];
  for await (const { text } of readJsonLines<{ text: string }>(join(params.data.directory, 'texts.jsonl')))
    texts.push(text);
  const seenBy = (selection: TextSelection) =>
    new Set(visitingOrder(selection).subarray(0, selection.visited));
  const sameData = dictionaries.filter((dictionary) => dictionary.config.data === params.data.digest);
  const first = sameData[0]?.config.texts;
  const order = first
    ? [...unvisited(first), ...visitingOrder(first)]
    : [...stream(job.seed, 'features.texts').permutation(texts.length)];
  const avoid = sameData.map((dictionary) => seenBy(dictionary.config.texts));
  const rank = (text: number) => (avoid.some((seen) => seen.has(text)) ? 1 : 0);
  const unique = [...new Set(order)].sort((a, b) => rank(a) - rank(b));
  const items: CaptureItem[] = [];
  for (const text of unique) {
    if (items.length === params.texts) break;
    const whole = texts[text] as string;
    const item = textItem(faithful ? whole.slice(0, PUBLISHED_CHARACTERS) : whole, text, tokenizer, {
      maxLength: params['max-length'],
      skipped: faithful ? 0 : SKIPPED,
    });
    if (item) items.push(item);
  }
  if (items.length < 2)
    throw new ComputeError('bad-data', `${items.length} texts are longer than one token: two are needed`, {
      hint: 'give more and longer texts as `data`',
    });
  const used = items.filter((item) => rank(item.text) === 1).length;
  if (used > 0)
    job.log(
      `${used} of ${items.length} texts were also seen by a dictionary's training: there are not enough others`,
    );
  return items;
}

interface Captured {
  /** layer -> [R, D] */
  layers: Map<number, Float32Array>;
  /** First row of each item; one more than there are items. */
  starts: Int32Array;
  width: number;
}

async function capture(
  params: FeaturesExplainParameters,
  dictionaries: readonly Dictionary[],
  items: readonly CaptureItem[],
  tokenizer: Tokenizer,
): Promise<Captured> {
  const model = await loadModel(params.model.directory);
  const sites = new Set(dictionaries.map((dictionary) => dictionary.site));
  const [site] = sites;
  if (sites.size !== 1 || site === undefined) {
    throw new ComputeError(
      'bad-parameter',
      `The dictionaries read at different sites: ${[...sites].join(', ')}`,
      {
        hint: 'describe the features of each site in a step of its own',
      },
    );
  }
  const deepest = dictionaries.find(
    (dictionary) => dictionary.layer >= model.layers || dictionary.width !== model.width,
  );
  if (deepest) {
    throw new ComputeError(
      'bad-parameter',
      `A dictionary of layer ${deepest.layer}, width ${deepest.width}, does not fit the model`,
      {
        hint: '`dictionaries` and `model` must belong together',
      },
    );
  }
  const layers = [...new Set(dictionaries.map((dictionary) => dictionary.layer))];
  const places = layers.map((layer) => ({ site, layer }));
  const captured = captureItems(items, { model, places, batch: BATCH, padId: tokenizer.padId });
  const starts = new Int32Array(items.length + 1);
  items.forEach((item, i) => {
    starts[i + 1] = (starts[i] as number) + item.to - item.from;
  });
  const { width } = model;
  model.dispose();
  return { layers: new Map(layers.map((layer, i) => [layer, captured[i] as Float32Array])), starts, width };
}

function encodeText(
  dictionary: Dictionary,
  items: readonly CaptureItem[],
  acts: Captured,
  text: number,
  tokenizer: Tokenizer,
): EncodedText {
  const tf = tensorflow();
  const item = items[text] as CaptureItem;
  const from = acts.starts[text] as number;
  const to = acts.starts[text + 1] as number;
  const rows = (acts.layers.get(dictionary.layer) as Float32Array).subarray(
    from * acts.width,
    to * acts.width,
  );
  const activations_TF = dataOf(() => dictionary.encode(tf.tensor2d(rows, [to - from, acts.width])));
  return {
    tokens: Array.from(item.ids.subarray(item.from, item.to), (id) => tokenizer.token(id)),
    activations_TF,
  };
}

function choose(
  possible: number[],
  survey: ActivationSurvey,
  how: 'activity' | 'random',
  count: number,
  draws: RandomStream,
): number[] {
  if (how === 'random')
    return Array.from(
      draws.permutation(possible.length).subarray(0, count),
      (i) => possible[i] as number,
    ).sort((a, b) => a - b);
  return [...possible]
    .sort((a, b) => (survey.total_F[b] as number) - (survey.total_F[a] as number) || a - b)
    .slice(0, count);
}
