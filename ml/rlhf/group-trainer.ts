import type * as tf from '@tensorflow/tfjs';
import { ComputeError } from '../failure.ts';
import type { GroupSettings } from './group-settings.ts';
import { entriesOfRows } from './mini-batch.ts';
import { checkParts, type OnPolicyParts, type OnPolicyState, type OnPolicyTrainer } from './on-policy.ts';
import { policyGradients } from './policy-gradients.ts';
import { PolicyUpdates } from './policy-updates.ts';
import { recordTokens, type TokenRecords } from './rollout.ts';
import { ROLLOUT_METRICS, rolloutMetrics } from './rollout-metrics.ts';
import { Rollouts } from './rollouts.ts';
import { scoreTexts } from './score.ts';
import type { Sequence } from './sequences.ts';
import { type PolicyLoss, UPDATE_METRICS, updateMetrics } from './update-metrics.ts';

/** What tells two algorithms apart that compare completions of one prompt with each other. */
export interface GroupAlgorithm<S extends GroupSettings> {
  /** `rlhf.grpo`: names the streams. */
  name: string;
  title: string;
  /** One advantage for each completion; those of one prompt lie side by side. */
  advantages(rewards: readonly number[], records: TokenRecords, settings: S): number[];
  loss(inputs: GroupLossInputs, settings: S): GroupLoss;
}

/** B completions with N tokens in all, row after row. */
export interface GroupLossInputs {
  /** [B] tokens of each completion. */
  lengths: readonly number[];
  /** [B] */
  advantages: readonly number[];
  /** [N] under the policy of now, under that which wrote them, and under the reference. */
  logProbs: ArrayLike<number>;
  oldLogProbs: ArrayLike<number>;
  referenceLogProbs: ArrayLike<number>;
}

export interface GroupLoss extends PolicyLoss {
  /** d totalLoss / d logProbs. */
  gradients: { logProbs: Float32Array };
}

export const GROUP_METRICS = {
  ...ROLLOUT_METRICS,
  equal_groups:
    'Share of prompts whose completions all got the same reward, so that nothing can be learned from them.',
  ...UPDATE_METRICS,
} as const;

export type GroupMetrics = Record<keyof typeof GROUP_METRICS, number>;

/**
 * One step: sample `group` completions of each prompt; score; log-probabilities under policy and reference; advantages
 * within each group; `epochs` passes of clipped updates in mini-batches. Weights and moments are all that a later step
 * depends on.
 */
export class GroupTrainer<S extends GroupSettings> implements OnPolicyTrainer<GroupMetrics> {
  private readonly rollouts: Rollouts;
  private readonly updates: PolicyUpdates;

  constructor(
    private readonly parts: OnPolicyParts<S>,
    private readonly algorithm: GroupAlgorithm<S>,
  ) {
    checkParts(parts);
    checkGroup(parts.settings);
    const { name, title } = algorithm;
    this.rollouts = new Rollouts(parts, name, parts.settings.group);
    this.updates = new PolicyUpdates(parts, { title, ifDiverging: 'lower `learning-rate`, or raise `beta`' });
  }

  async step(i: number): Promise<GroupMetrics> {
    const { policy, reference, tokenizer, reward, settings } = this.parts;
    const written = this.rollouts.write(i);
    const rewards = await scoreTexts(
      reward,
      written.map(({ text }) => text),
    );
    const { padId } = tokenizer;
    const records = recordTokens(written, { policy, reference, klForm: 'kl', padId });
    const advantages = this.algorithm.advantages(rewards, records, settings);
    const learned = this.updates.learn(i, {
      draws: this.rollouts.draws(i, 'mini-batches'),
      gradientsOf: (rows) => this.gradientsOf(rows, written, records, advantages),
    });
    return {
      ...rolloutMetrics(written, rewards, records),
      equal_groups: equalGroups(rewards, settings.group),
      ...updateMetrics(learned, this.updates.learningRate(i)),
    };
  }

  save(): OnPolicyState {
    return this.updates.save();
  }

  load(state: OnPolicyState): void {
    this.updates.load(state);
  }

  dispose(): void {
    this.updates.dispose();
  }

  private gradientsOf(
    rows: Int32Array,
    sequences: readonly Sequence[],
    { lengths, logProbs, referenceLogProbs }: TokenRecords,
    advantages: readonly number[],
  ): { loss: GroupLoss; gradients: Map<string, tf.Tensor> } {
    const { policy, tokenizer, settings } = this.parts;
    const pick = <T>(all: readonly T[]): T[] => Array.from(rows, (row) => all[row] as T);
    const given = {
      lengths: pick(lengths),
      advantages: pick(advantages),
      oldLogProbs: entriesOfRows(logProbs, lengths, rows),
      referenceLogProbs: entriesOfRows(referenceLogProbs, lengths, rows),
    };
    const { differentiated } = this.updates;
    return policyGradients({ policy, differentiated, padId: tokenizer.padId }, pick(sequences), (now) =>
      this.algorithm.loss({ ...given, logProbs: now }, settings),
    );
  }
}

/** The groups of a batch, each a list of the values of its completions. */
export function groupsOf(values: readonly number[], group: number): number[][] {
  return Array.from({ length: values.length / group }, (_, g) => values.slice(g * group, (g + 1) * group));
}

function equalGroups(rewards: readonly number[], group: number): number {
  const groups = groupsOf(rewards, group);
  return groups.filter((values) => values.every((value) => value === values[0])).length / groups.length;
}

function checkGroup({ batch, group }: GroupSettings): void {
  if (batch % group === 0) return;
  throw new ComputeError('bad-parameter', `group ${group} does not divide batch ${batch}`, {
    hint: 'set `group` to a divisor of `batch`: a batch holds `batch` completions of `batch` / `group` prompts',
  });
}
