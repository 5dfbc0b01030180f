import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { ComputeError } from '../failure.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import { adam } from '../optimisers/adam.ts';
import { clipByGlobalNorm, globalNorm } from '../optimisers/clip.ts';
import { constantSchedule } from '../optimisers/schedules/constant.ts';
import { linearSchedule } from '../optimisers/schedules/linear.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import type { Optimiser } from '../optimisers/types.ts';
import { type RandomStream, stream } from '../random/stream.ts';
import type { Reward } from '../rewards/types.ts';
import { checkLengths, complete, completionLimits, type Written } from './complete.ts';
import { KlController } from './kl-controller.ts';
import { type Batch, miniBatch } from './mini-batch.ts';
import { mean, variance } from './moments.ts';
import { ppoAdvantages } from './ppo-advantages.ts';
import type { PpoLoss } from './ppo-loss.ts';
import { learningMetrics, type PpoMetrics } from './ppo-metrics.ts';
import { tokenRewards } from './ppo-rewards.ts';
import type { PpoSettings } from './ppo-settings.ts';
import { ppoGradients } from './ppo-update.ts';
import type { Prompt } from './prompts.ts';
import { toGrid } from './response-grid.ts';
import { recordTokens, type TokenRecords } from './rollout.ts';
import { scoreTexts } from './score.ts';
import { ValueHead } from './value-head.ts';

/**
 * Proximal policy optimisation of a language model towards a reward of its texts, with a KL penalty towards a reference.
 * One step: sample a completion of each prompt of a batch; score; log-probabilities under policy and reference, values;
 * token rewards; advantages; `epochs` passes of clipped updates in mini-batches; the KL weight adapts.
 *
 * Sources: Schulman et al. (arXiv 1707.06347); Ziegler et al. (arXiv 1909.08593); the order of things is that of TRL
 * 0.7.11, `PPOTrainer.step`. Every response token counts, the end-of-text token too, and nothing else does.
 *
 * What a step draws comes from streams named by the step, so that weights, moments and the KL weight are all that a later
 * step depends on.
 */
export interface PpoParts {
  policy: LanguageModel;
  reference: LanguageModel;
  tokenizer: Tokenizer;
  reward: Reward;
  /** At least one. Taken in a new random order each time around. */
  prompts: readonly Prompt[];
  settings: PpoSettings;
  /** Steps of the whole run: the learning rate's schedule needs it. */
  steps: number;
  seed: number;
}

export interface PpoState {
  tensors: Record<string, { dtype: 'F32'; shape: number[]; data: Float32Array }>;
  json: { klCoefficient: number; optimiserSteps: number };
}

export class PpoTrainer {
  private readonly valueHead: ValueHead;
  private readonly controller: KlController;
  private readonly optimiser: Optimiser;
  private readonly schedule: Schedule;

  constructor(private readonly parts: PpoParts) {
    const { policy, settings, steps, seed } = parts;
    checkParts(parts);
    this.valueHead = new ValueHead(policy.width, settings.valueStart, stream(seed, 'rlhf.ppo/value-head'));
    this.controller = new KlController(settings.klControl);
    this.optimiser = adam(this.parameters(), { weightDecay: settings.weightDecay, decays: () => true });
    this.schedule =
      settings.schedule === 'linear'
        ? linearSchedule({ total: steps, warmup: settings.warmUp })
        : constantSchedule({ warmup: settings.warmUp });
  }

  /** Step `i`, from 0. */
  async step(i: number): Promise<PpoMetrics> {
    const { settings, reward } = this.parts;
    const learningRate = settings.learningRate * this.schedule(i);
    const klCoefficient = this.controller.coefficient;
    const written = this.rollOut(i);
    const scores = await scoreTexts(
      reward,
      written.map(({ text }) => text),
    );
    const records = this.record(i, written);
    const learned = this.learn(i, learningRate, this.batch(written, records, scores));
    const kl = mean(sequenceKl(records));
    this.controller.update(kl, written.length);
    return {
      reward: mean(scores),
      reward_sd: Math.sqrt(variance(scores)),
      kl,
      kl_coefficient: klCoefficient,
      entropy: mean(records.entropy),
      length: mean(records.lengths),
      ended: mean(written.map(({ ended }) => Number(ended))),
      learning_rate: learningRate,
      ...learned,
    };
  }

  /** Everything that later steps depend on, but the settings, the reference and the prompts. */
  save(): PpoState {
    const tensors: PpoState['tensors'] = {};
    for (const [name, parameter] of this.parameters()) {
      tensors[`parameter/${name}`] = {
        dtype: 'F32',
        shape: [...parameter.shape],
        data: parameter.dataSync() as Float32Array,
      };
    }
    const optimiser = this.optimiser.state();
    for (const [name, tensor] of Object.entries(optimiser.tensors)) tensors[`optimiser/${name}`] = tensor;
    return {
      tensors,
      json: { klCoefficient: this.controller.coefficient, optimiserSteps: optimiser.json.steps },
    };
  }

  load({ tensors, json }: PpoState): void {
    for (const [name, parameter] of this.parameters()) assign(parameter, tensors[`parameter/${name}`], name);
    const prefix = 'optimiser/';
    const moments = Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor] as const);
    this.optimiser.load({ tensors: Object.fromEntries(moments), json: { steps: json.optimiserSteps } });
    this.controller.restore(json.klCoefficient);
  }

  dispose(): void {
    this.valueHead.dispose();
    this.optimiser.dispose();
  }

  private parameters() {
    return new Map([...this.parts.policy.parameters, ...this.valueHead.parameters]);
  }

  private draws(i: number, name: string): RandomStream {
    return stream(this.parts.seed, `rlhf.ppo/${name}/${i}`);
  }

  private rollOut(i: number): Written[] {
    const { policy, tokenizer, settings } = this.parts;
    const prompts = this.promptsOf(i);
    const limits = completionLimits(prompts.length, settings.completionTokens, this.draws(i, 'limits'));
    return complete(policy, tokenizer, prompts, limits, this.draws(i, 'completions'));
  }

  private promptsOf(i: number): Prompt[] {
    const { prompts, settings } = this.parts;
    let round = -1;
    let order: Int32Array = new Int32Array(0);
    return Array.from({ length: settings.batch }, (_, b) => {
      const place = i * settings.batch + b;
      const ofRound = Math.floor(place / prompts.length);
      if (ofRound !== round) {
        round = ofRound;
        order = this.draws(round, 'order').permutation(prompts.length);
      }
      return prompts[order[place % prompts.length] as number] as Prompt;
    });
  }

  private record(i: number, written: readonly Written[]): TokenRecords {
    const { policy, reference, tokenizer, settings } = this.parts;
    const dropped = { dropout: settings.valueDropout, stream: this.draws(i, 'rollout-dropout') };
    return recordTokens(written, {
      policy,
      reference,
      values: (hidden_ND) => this.valueHead.values(hidden_ND, dropped),
      klForm: settings.klForm,
      padId: tokenizer.padId,
    });
  }

  private batch(written: readonly Written[], records: TokenRecords, scores: readonly number[]): Batch {
    const { lengths } = records;
    const rewards = tokenRewards(toGrid(records.kl, lengths), scores, lengths, this.controller.coefficient);
    const values = toGrid(records.values, lengths);
    return { sequences: written, records, ...ppoAdvantages(rewards, values, lengths, this.parts.settings) };
  }

  private learn(i: number, learningRate: number, batch: Batch) {
    const { policy, tokenizer, settings } = this.parts;
    const { epochs, miniBatch: size, maxGradientNorm, earlyStopKl } = settings;
    const order = this.draws(i, 'mini-batches');
    const dropped = { dropout: settings.valueDropout, stream: this.draws(i, 'dropout') };
    const learner = { policy, valueHead: this.valueHead, padId: tokenizer.padId, dropped };
    const losses: PpoLoss[] = [];
    const norms: number[] = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const shuffled = order.permutation(batch.sequences.length);
      for (let from = 0; from < shuffled.length; from += size) {
        const rows = shuffled.subarray(from, from + size);
        const { loss, gradients } = ppoGradients(learner, miniBatch(batch, rows), settings);
        const norm =
          maxGradientNorm === null ? globalNorm(gradients) : clipByGlobalNorm(gradients, maxGradientNorm);
        checkFinite(i, loss, norm);
        this.optimiser.step(gradients, learningRate);
        for (const gradient of gradients.values()) gradient.dispose();
        losses.push(loss);
        norms.push(norm);
      }
      const moved = losses.at(-1)?.stats.policyKl ?? 0;
      if (earlyStopKl !== null && moved > 1.5 * earlyStopKl) break;
    }
    return learningMetrics(batch, losses, norms);
  }
}

/** KL of each sequence: the sum over its tokens of log p - log q, whatever the form of the penalty. */
function sequenceKl({ lengths, logProbs, referenceLogProbs }: TokenRecords): number[] {
  const ratios = toGrid(
    logProbs.map((logProb, n) => logProb - (referenceLogProbs[n] as number)),
    lengths,
  );
  return ratios.map((row) => row.reduce((sum, ratio) => sum + ratio, 0));
}

function checkParts({ policy, prompts, settings }: PpoParts): void {
  const { batch, miniBatch: size, promptTokens, completionTokens } = settings;
  if (prompts.length === 0) {
    throw new ComputeError('bad-data', 'There are no prompts to tune on', {
      hint: 'give `prompts` longer texts, or lower `prompt-tokens` or `minimum-characters`',
    });
  }
  if (batch % size !== 0) {
    throw new ComputeError('bad-parameter', `mini-batch ${size} does not divide batch ${batch}`, {
      hint: 'set `mini-batch` to a divisor of `batch`',
    });
  }
  checkLengths(policy, promptTokens, completionTokens);
}

function checkFinite(step: number, loss: PpoLoss, gradientNorm: number): void {
  if (Number.isFinite(loss.totalLoss) && Number.isFinite(gradientNorm)) return;
  throw new ComputeError(
    'nan-loss',
    `PPO diverged in step ${step + 1}: the loss is ${loss.totalLoss}, the norm of its gradient ${gradientNorm}`,
    { hint: 'lower `learning-rate`, or raise `kl.initial`' },
  );
}

function assign(parameter: tf.Variable, stored: PpoState['tensors'][string] | undefined, name: string): void {
  if (!stored) throw new Error(`The checkpoint lacks ${name}`);
  const tf = tensorflow();
  tf.tidy(() => parameter.assign(tf.tensor(stored.data, stored.shape)));
}
