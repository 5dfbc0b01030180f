import type { Job, MaterialisedArtifact } from '../compute/types.ts';
import { ComputeError } from '../ml/failure.ts';
import type { FeatureSets } from '../ml/features/ablation.ts';
import type { LatentActivity } from '../ml/features/matched.ts';
import type { Outcome } from '../ml/features/outcome.ts';
import type { DictionarySurvey, FeatureSet } from '../ml/features/types.ts';
import { sample } from '../ml/generation/sample.ts';
import { windowLosses } from '../ml/language-modelling/loss.ts';
import { maskedWindows } from '../ml/language-modelling/masked-windows.ts';
import type { Hook, LanguageModel, Tokenizer } from '../ml/models/types.ts';
import { type RandomStream, stream } from '../ml/random/stream.ts';
import type { Reward } from '../ml/rewards/types.ts';
import { heldOutPrompts, type Prompt, promptsOf } from '../ml/rlhf/prompts.ts';
import { scoreTexts } from '../ml/rlhf/score.ts';
import type { Dictionary } from '../ml/sae/dictionary.ts';
import { readTexts } from './texts.ts';

/** What features.ablate and features.steer have in common: what is completed, and how. */
export interface InterventionParameters {
  prompts: MaterialisedArtifact;
  count: number;
  'prompt-tokens': number;
  'completion-tokens': number;
  'perplexity-tokens': number;
  batch: number;
}

/** Below it no interval means anything. */
const FEWEST_PROMPTS = 8;

/** Held-out beginnings of the texts, and the texts. */
export interface Trial {
  prompts: Prompt[];
  /** Of each prompt, the text that begins with it. */
  texts: string[];
}

/** @throws ComputeError bad-data when there are too few to tell anything */
export async function chooseTrial(
  params: InterventionParameters,
  tokenizer: Tokenizer,
  job: Job,
): Promise<Trial> {
  const texts = await readTexts(params.prompts.directory);
  const length = params['prompt-tokens'];
  const random = stream(job.seed, `${job.kind}.prompts`);
  const heldOut = heldOutPrompts(
    promptsOf(texts, tokenizer, { tokens: [length, length], minimumCharacters: 1 }, random),
  );
  const order = random.permutation(heldOut.length).subarray(0, params.count);
  const prompts = Array.from(order, (i) => heldOut[i] as Prompt);
  if (prompts.length < FEWEST_PROMPTS)
    throw new ComputeError(
      'bad-data',
      `Only ${prompts.length} held-out prompts of ${length} tokens are in \`prompts\``,
      { hint: 'give more or longer texts, or lower `prompt-tokens`' },
    );
  if (prompts.length < params.count)
    job.log(
      `${prompts.length} prompts instead of ${params.count}: \`prompts\` has no more that tuning left out`,
    );
  return { prompts, texts: prompts.map(({ source }) => texts[source] as string) };
}

/** @throws ComputeError bad-parameter when prompts and completions are longer than the model's positions */
export function checkPositions(model: LanguageModel, params: InterventionParameters): void {
  const tokens = params['prompt-tokens'] + params['completion-tokens'];
  if (tokens <= model.maxPositions) return;
  throw new ComputeError(
    'bad-parameter',
    `Prompts and completions of ${tokens} tokens do not fit the model's ${model.maxPositions} positions`,
    { hint: 'lower `completion-tokens` or `prompt-tokens`' },
  );
}

/** Completes every prompt with the model as `hooks` change it, and measures what comes of it. */
export class Conditions {
  private done = 0;

  constructor(
    private readonly job: Job,
    private readonly params: InterventionParameters,
    private readonly trial: Trial,
    private readonly tokenizer: Tokenizer,
    private readonly reward: Reward,
    /** How many conditions there will be, for progress. */
    private readonly count: number,
  ) {}

  async run(model: LanguageModel, hooks: readonly Hook[]): Promise<Outcome> {
    const { prompts } = this.trial;
    // The same streams under every condition: completions differ only by what was done to the model.
    const random = stream(this.job.seed, `${this.job.kind}.completions`);
    const rewards: number[] = [];
    const lengths: number[] = [];
    const completions: string[] = [];
    for (let from = 0; from < prompts.length; from += this.params.batch) {
      const group = prompts.slice(from, from + this.params.batch);
      const written = this.complete(model, group, hooks, random);
      rewards.push(...(await scoreTexts(this.reward, written)));
      for (const { completion, tokens } of written) {
        completions.push(completion);
        lengths.push(tokens);
      }
      this.done += group.length;
      this.job.progress(this.done, this.count * prompts.length);
    }
    return {
      rewards: Float64Array.from(rewards),
      lengths: Float64Array.from(lengths),
      losses: this.losses(model, hooks),
      completions,
    };
  }

  private complete(
    model: LanguageModel,
    prompts: readonly Prompt[],
    hooks: readonly Hook[],
    random: RandomStream,
  ) {
    const { tokenizer } = this;
    const options = {
      maxNewTokens: this.params['completion-tokens'],
      eosId: tokenizer.eosId,
      padId: tokenizer.padId,
      hooks,
    };
    const ids = prompts.map((prompt) => prompt.ids);
    return sample(model, ids, options, random).map((completion, i) => {
      const written = completion.ended ? completion.ids.slice(0, -1) : completion.ids;
      return {
        prompt: (prompts[i] as Prompt).text,
        completion: tokenizer.decode(written),
        tokens: written.length,
      };
    });
  }

  /** Of each prompt's text as people wrote it. */
  private losses(model: LanguageModel, hooks: readonly Hook[]): Float64Array | null {
    const tokens = this.params['perplexity-tokens'];
    if (tokens === 0) return null;
    const context = Math.min(tokens, model.maxPositions);
    const examples = this.trial.texts.map((text) => ({
      ids: this.tokenizer.encode(text).slice(0, context + 1),
      completion: 1,
    }));
    const endId = this.tokenizer.eosId ?? this.tokenizer.padId;
    return windowLosses(model, maskedWindows(examples, context, endId).windows, this.params.batch, hooks);
  }
}

/** The features of each dictionary that were judged to be about the task. */
export function relatedFeatures(
  features: FeatureSet,
  dictionaries: ReadonlyMap<Dictionary, string>,
): FeatureSets {
  return new Map(
    [...dictionaries].map(([dictionary, digest]) => {
      const index = features.dictionaries.indexOf(surveyOf(features, digest));
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

/** Features of each dictionary in place of the related ones, as `draw` takes them. */
export function drawnFeatures(
  draw: (flagged: readonly number[], activity: LatentActivity, stream: RandomStream) => number[],
  related: FeatureSets,
  features: FeatureSet,
  dictionaries: ReadonlyMap<Dictionary, string>,
  stream: RandomStream,
): FeatureSets {
  return new Map(
    [...dictionaries].map(([dictionary, digest]) => [
      dictionary,
      draw(related.get(dictionary) ?? [], surveyOf(features, digest), stream),
    ]),
  );
}

/** What was surveyed of a dictionary. @throws ComputeError bad-parameter when nothing was */
export function surveyOf(features: FeatureSet, digest: string): DictionarySurvey {
  const known = features.dictionaries.find((dictionary) => dictionary.digest === digest);
  if (known) return known;
  throw new ComputeError('bad-parameter', '`features` says nothing about one of the `dictionaries`', {
    hint: 'give the dictionaries whose features were described',
  });
}
