import type { LanguageModel } from '../models/types.ts';
import { stream } from '../random/stream.ts';
import type { Written } from './complete.ts';
import { Critic } from './critic.ts';
import { KlController } from './kl-controller.ts';
import { type Batch, miniBatch } from './mini-batch.ts';
import { mean } from './moments.ts';
import { checkParts, type OnPolicyParts, type OnPolicyState, type OnPolicyTrainer } from './on-policy.ts';
import { type Learned, PolicyUpdates } from './policy-updates.ts';
import { ppoAdvantages } from './ppo-advantages.ts';
import type { PpoLoss } from './ppo-loss.ts';
import { type PpoMetrics, valueMetrics } from './ppo-metrics.ts';
import { tokenRewards } from './ppo-rewards.ts';
import type { PpoSettings } from './ppo-settings.ts';
import { ppoGradients } from './ppo-update.ts';
import { toGrid } from './response-grid.ts';
import { recordTokens, type TokenRecords } from './rollout.ts';
import { rolloutMetrics } from './rollout-metrics.ts';
import { Rollouts } from './rollouts.ts';
import { scoreTexts } from './score.ts';
import { type MomentsState, ScoreShaper } from './score-shaping.ts';
import { updateMetrics } from './update-metrics.ts';

/**
 * Proximal policy optimisation of a language model towards a reward of its texts, with a KL penalty towards a reference.
 * One step: sample a completion of each prompt of a batch; score; log-probabilities under policy and reference, values;
 * token rewards; advantages; `epochs` passes of clipped updates in mini-batches; the KL weight adapts.
 *
 * Sources: Schulman et al. (arXiv 1707.06347); Ziegler et al. (arXiv 1909.08593); the order of things is that of TRL
 * 0.7.11, `PPOTrainer.step`. Every response token counts, the end-of-text token too, and nothing else does.
 *
 * What a step draws comes from streams named by the step, so that weights, moments, the KL weight and the moments of the
 * scores are all that a later step depends on.
 */
export interface PpoParts extends OnPolicyParts<PpoSettings> {
  /** A model of its own for the values, which starts as a copy of the policy; without it they come from the policy's trunk. */
  valueModel?: LanguageModel;
}

export interface PpoState extends OnPolicyState {
  json: OnPolicyState['json'] & { klCoefficient: number; scoreMoments: MomentsState };
}

export class PpoTrainer implements OnPolicyTrainer<PpoMetrics> {
  private readonly rollouts: Rollouts;
  private readonly critic: Critic;
  private readonly controller: KlController;
  private readonly shaper: ScoreShaper;
  private readonly updates: PolicyUpdates;

  constructor(private readonly parts: PpoParts) {
    const { policy, valueModel, settings, seed } = parts;
    checkParts(parts);
    this.rollouts = new Rollouts(parts, 'rlhf.ppo');
    const draws = stream(seed, 'rlhf.ppo/value-head');
    this.critic = new Critic(policy.width, valueModel ?? null, settings.valueStart, draws);
    this.controller = new KlController(settings.klControl);
    this.shaper = new ScoreShaper(settings);
    const ifDiverging = 'lower `learning-rate`, or raise `kl.initial`';
    this.updates = new PolicyUpdates(parts, { title: 'PPO', ifDiverging }, this.critic.parameters);
  }

  async step(i: number): Promise<PpoMetrics> {
    const klCoefficient = this.controller.coefficient;
    const written = this.rollouts.write(i);
    const texts = written.map(({ text }) => text);
    const rewards = await scoreTexts(this.parts.reward, texts);
    const records = this.record(i, written);
    const ended = written.map((completion) => completion.ended);
    const scores = this.shaper.shape(rewards, ended);
    const batch = this.batch(written, records, scores);
    const learned = this.learn(i, batch);
    const measured = rolloutMetrics(written, rewards, records);
    this.controller.update(measured.kl, written.length);
    const { kl, lengths } = records;
    return {
      ...measured,
      score: mean(scores),
      kl_penalised: kl.reduce((sum, term) => sum + term, 0) / lengths.length,
      kl_coefficient: klCoefficient,
      ...updateMetrics(learned, this.updates.learningRate(i)),
      ...valueMetrics(batch, learned),
    };
  }

  save(): PpoState {
    const { tensors, json } = this.updates.save();
    const klCoefficient = this.controller.coefficient;
    return { tensors, json: { ...json, klCoefficient, scoreMoments: this.shaper.save() } };
  }

  load({ tensors, json }: PpoState): void {
    this.updates.load({ tensors, json });
    this.controller.restore(json.klCoefficient);
    this.shaper.load(json.scoreMoments);
  }

  dispose(): void {
    this.critic.dispose();
    this.updates.dispose();
  }

  private record(i: number, written: readonly Written[]): TokenRecords {
    const { policy, reference, tokenizer, settings } = this.parts;
    const dropped = { dropout: settings.valueDropout, stream: this.rollouts.draws(i, 'rollout-dropout') };
    return recordTokens(written, {
      policy,
      reference,
      values: (hidden_ND, packed) => this.critic.values(hidden_ND, packed, dropped),
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

  private learn(i: number, batch: Batch): Learned<PpoLoss> {
    const { policy, tokenizer, settings } = this.parts;
    const { critic, rollouts, updates } = this;
    const dropped = { dropout: settings.valueDropout, stream: rollouts.draws(i, 'dropout') };
    const { differentiated } = updates;
    const learner = { policy, critic, differentiated, padId: tokenizer.padId, dropped };
    const { earlyStopKl } = settings;
    return updates.learn(i, {
      draws: rollouts.draws(i, 'mini-batches'),
      gradientsOf: (rows) => ppoGradients(learner, miniBatch(batch, rows), settings),
      over: ({ stats }) => earlyStopKl !== null && stats.policyKl > 1.5 * earlyStopKl,
    });
  }
}
