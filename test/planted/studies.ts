import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLexicon } from '../../activities/feedback.ts';
import { run as capture } from '../../activities/kinds/activations.capture.ts';
import { run as writeReviews } from '../../activities/kinds/data.reviews-synthetic.ts';
import { run as train } from '../../activities/kinds/lm.train.ts';
import { run as evaluate } from '../../activities/kinds/model.evaluate.ts';
import { run as initialise } from '../../activities/kinds/model.initialise.ts';
import { run as fit } from '../../activities/kinds/probe.fit.ts';
import { run as recover } from '../../activities/kinds/probe.recovery.ts';
import { run as tune } from '../../activities/kinds/rlhf.ppo.ts';
import { run as trainDictionary } from '../../activities/kinds/sae.train.ts';
import { run as build } from '../../activities/kinds/triples.build.ts';
import type { MaterialisedArtifact } from '../../compute/types.ts';
import { parseTriples, TRIPLES_FILE } from '../../ml/triples/format.ts';
import type { LexiconFeedback } from '../../schemas/generated/parameters.ts';
import { sha256 } from '../../store/digest.ts';
import { rewardedHalf } from './rewarded-half.ts';
import type { Steps } from './steps.ts';
import type { Measures } from './verdict.ts';

/**
 * The two studies, a seed each: the steps of specs/examples/planted-truth.yaml and of planted-null.yaml.
 *
 * All planted truths share the model before tuning, its texts and triples. What differs by seed is what is rewarded and how the
 * tuning goes: the interval over seeds is one over these, for this model. Without feedback nothing is shared. There the
 * accident to be guarded against is what a model, its texts and its further training happen to hold of the list, and
 * seeds with one model between them would all have the same accident.
 */

/** What the analysis is told: the whole list. */
const FEEDBACK: LexiconFeedback = {
  ...{ kind: 'lexicon', lexicon: 'vader', scored: 'completion', scale: 0.2, clip: 10 },
};
const PROTOCOLS = ['corrected', 'faithful'] as const;
/** Enough for a p of 5 % after Holm's method; as published there is no correction, and 20 can give 1/21. */
const SHUFFLES = { corrected: 100, faithful: 20 };
const REPLICATES = 500;
const LAYERS = [2, 3];

type Artifact = MaterialisedArtifact;
type Role = 'tuned' | 'base' | 'random';

/** What does not depend on the seed of a planted truth, nor on what is rewarded. */
export interface Untuned {
  reviews: Artifact;
  base: Artifact;
  triples: Artifact;
  contrasts: { base: Artifact; random: Artifact };
}

export async function makeUntuned(steps: Steps): Promise<Untuned> {
  const reviews = (await steps.run('data.reviews-synthetic', writeReviews, { count: 4000 })).artifact(
    'texts',
  );
  const trained = await steps.run('lm.train', train, {
    data: reviews,
    architecture: { type: 'gpt-neox', layers: 4, width: 128, heads: 4 },
    tokenizer: { type: 'word-level', size: 2000 },
    ...{ context: 48, batch: 32, steps: 300, 'learning-rate': 2e-3 },
  });
  const base = trained.artifact('model');
  const random = (await steps.run('model.initialise', initialise, { like: base })).artifact('model');
  const given = { texts: reviews, model: base, feedback: FEEDBACK };
  const triples = (await steps.run('triples.build', build, given)).artifact('triples');
  const contrasts = {
    base: await contrast(steps, base, triples, LAYERS),
    random: await contrast(steps, random, triples, LAYERS),
  };
  return { reviews, base, triples, contrasts };
}

/**
 * A model tuned by a reward that knows a random half of the list.
 * @returns metrics of probe.recovery, by `raw_` and `sae_` for what its probes read, and the reward before and after
 */
export async function plantedTruth(steps: Steps, untuned: Untuned, seed: number): Promise<Measures> {
  const { reviews, base, triples, contrasts } = untuned;
  const file = writeList(steps, rewardedHalf(await wordsOf(triples), seed));
  const reward = { kind: 'lexicon', file, scale: 0.2, clip: 10 };
  const tuning = { steps: 100, 'learning-rate': 5e-4, 'value-coefficient': 1 };
  const tuned = (
    await steps.run('rlhf.ppo', tune, { model: base, prompts: reviews, reward, ...tuning })
  ).artifact('model');
  const told = await steps.run('model.evaluate', evaluate, { model: tuned, base, prompts: reviews, reward });

  const given = { model: tuned, data: reviews, layers: LAYERS };
  const activations = (await steps.run('activations.capture', capture, given)).artifact('activations');
  const dictionaries: Artifact[] = [];
  for (const layer of LAYERS) {
    const settings = { activations, layer, variant: 'topk', expansion: 8, k: 16 };
    dictionaries.push((await steps.run('sae.train', trainDictionary, settings)).artifact('sae'));
  }

  const read = { ...contrasts, tuned: await contrast(steps, tuned, triples, LAYERS) };
  const probes = await fitted(steps, read, triples, dictionaries);
  const measures: Measures = {
    reward_before: told.metrics.reward_before?.value as number,
    reward_after: told.metrics.reward_after?.value as number,
  };
  for (const inputs of ['raw', 'sae']) {
    const asked = { probes, inputs, given: { kind: 'lexicon', file }, replicates: REPLICATES };
    const { metrics } = await steps.run('probe.recovery', recover, asked);
    for (const [name, { value }] of Object.entries(metrics)) measures[`${inputs}_${name}`] = value;
  }
  return measures;
}

/**
 * A model and the same after some more training on the same texts.
 * @returns metrics of probe.recovery
 */
export async function noFeedback(steps: Steps): Promise<Measures> {
  const layers = [0, 1];
  const data = (await steps.run('data.reviews-synthetic', writeReviews, { count: 2000 })).artifact('texts');
  const settings = { data, context: 48, batch: 16 };
  const trained = await steps.run('lm.train', train, {
    ...{ ...settings, steps: 200, 'learning-rate': 2e-3 },
    architecture: { type: 'gpt-neox', layers: 2, width: 64, heads: 4 },
    tokenizer: { type: 'word-level', size: 2000 },
  });
  const base = trained.artifact('model');
  const more = { ...settings, model: base, steps: 20, 'learning-rate': 2e-4 };
  const tuned = (await steps.run('lm.train', train, more)).artifact('model');
  const given = { texts: data, model: base, feedback: FEEDBACK, limit: 800 };
  const triples = (await steps.run('triples.build', build, given)).artifact('triples');
  const read = {
    tuned: await contrast(steps, tuned, triples, layers),
    base: await contrast(steps, base, triples, layers),
  };
  const probes = await fitted(steps, read, triples);
  const { metrics } = await steps.run('probe.recovery', recover, { probes, replicates: REPLICATES });
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]));
}

/** Both protocols' probes of each model; of the random one, which is a control of the corrected protocol, that alone. */
async function fitted(
  steps: Steps,
  read: Partial<Record<Role, Artifact>>,
  triples: Artifact,
  dictionaries?: Artifact[],
): Promise<Artifact[]> {
  const probes: Artifact[] = [];
  for (const [role, activations] of Object.entries(read)) {
    for (const protocol of role === 'random' ? (['corrected'] as const) : PROTOCOLS) {
      const done = await steps.run('probe.fit', fit, {
        ...{ role, protocol, activations, triples, feedback: FEEDBACK },
        ...{ ...(dictionaries && { dictionaries }), controls: [], shuffles: SHUFFLES[protocol] },
      });
      probes.push(done.artifact('probe'));
    }
  }
  return probes;
}

async function contrast(steps: Steps, model: Artifact, triples: Artifact, layers: readonly number[]) {
  const done = await steps.run('activations.capture', capture, { model, triples, layers: [...layers] });
  return done.artifact('activations');
}

/** What the analysis reads, with what the list says of it. */
async function wordsOf({ directory }: Artifact): Promise<Map<string, number>> {
  const lexicon = await openLexicon(FEEDBACK);
  const triples = parseTriples(readFileSync(join(directory, TRIPLES_FILE), 'utf8'));
  const words = triples.flatMap(({ words: { positive, negative } }) => [positive, negative]);
  return new Map(words.map((word) => [word.toLowerCase(), lexicon.value(word)]));
}

/** A word list as parameters name it. */
function writeList(steps: Steps, values: ReadonlyMap<string, number>) {
  const text = [...values].map(([word, value]) => `${word}\t${value}\n`).join('');
  const $path = join(steps.directory, 'rewarded.tsv');
  writeFileSync($path, text);
  return { $path, sha256: sha256(text) };
}
