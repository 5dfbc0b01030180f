import { ComputeError } from '../failure.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import { constantSchedule } from '../optimisers/schedules/constant.ts';
import { linearSchedule } from '../optimisers/schedules/linear.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import { type RandomStream, stream } from '../random/stream.ts';
import type { Reward } from '../rewards/types.ts';
import { fullTraining, type Trainable } from '../training/trainable.ts';
import { Updater, type UpdaterState } from '../training/updater.ts';
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
  /** What moves of the policy; all of it when absent. */
  trainable?: Trainable;
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
  tensors: UpdaterState['tensors'];
  json: UpdaterState['json'] & { klCoefficient: number };
}

export class PpoTrainer {
  private readonly valueHead: ValueHead;
  private readonly controller: KlController;
  private readonly updater: Updater;
  private readonly schedule: Schedule;

  constructor(private readonly parts: PpoParts) {
    const { policy, settings, steps, seed } = parts;
    checkParts(parts);
    this.valueHead = new ValueHead(policy.width, settings.valueStart, stream(seed, 'rlhf.ppo/value-head'));
    this.controller = new KlController(settings.klControl);
    this.updater = new Updater(parts.trainable ?? fullTraining(policy), this.valueHead.parameters, {
      weightDecay: settings.weightDecay,
      decays: () => true,
      maxGradientNorm: settings.maxGradientNorm,
    });
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
    const { tensors, json } = this.updater.save();
    return { tensors, json: { ...json, klCoefficient: this.controller.coefficient } };
  }

  load({ tensors, json }: PpoState): void {
    this.updater.load({ tensors, json });
    this.controller.restore(json.klCoefficient);
  }

  dispose(): void {
    this.valueHead.dispose();
    this.updater.dispose();
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
    const { epochs, miniBatch: size, earlyStopKl } = settings;
    const order = this.draws(i, 'mini-batches');
    const dropped = { dropout: settings.valueDropout, stream: this.draws(i, 'dropout') };
    const { valueHead, updater } = this;
    const { differentiated } = updater;
    const learner = { policy, valueHead, differentiated, padId: tokenizer.padId, dropped };
    const losses: PpoLoss[] = [];
    const norms: number[] = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const shuffled = order.permutation(batch.sequences.length);
      for (let from = 0; from < shuffled.length; from += size) {
        const rows = shuffled.subarray(from, from + size);
        const { loss, gradients } = ppoGradients(learner, miniBatch(batch, rows), settings);
        const update = updater.prepare(gradients);
        try {
          checkFinite(i, loss, update.norm);
          update.apply(learningRate);
        } finally {
          update.dispose();
        }
        losses.push(loss);
        norms.push(update.norm);
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
