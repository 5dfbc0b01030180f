import { type RandomStream, stream } from '../random/stream.ts';
import { complete, completionLimits, type Written } from './complete.ts';
import type { OnPolicyParts, OnPolicySettings } from './on-policy.ts';
import type { Prompt } from './prompts.ts';

/**
 * What the policy writes in each step: `group` completions of each of batch / group prompts, those of one prompt side by
 * side and with the same limit. Prompts come in a new random order each time around.
 */
export class Rollouts {
  /** @param name of the algorithm, which names the streams */
  constructor(
    private readonly parts: OnPolicyParts<OnPolicySettings>,
    private readonly name: string,
    private readonly group = 1,
  ) {}

  /** The stream of what step `i` draws for one purpose. */
  draws(i: number, purpose: string): RandomStream {
    return stream(this.parts.seed, `${this.name}/${purpose}/${i}`);
  }

  write(i: number): Written[] {
    const { policy, tokenizer, settings } = this.parts;
    const prompts = this.promptsOf(i);
    const limits = completionLimits(prompts.length, settings.completionTokens, this.draws(i, 'limits'));
    return complete(
      policy,
      tokenizer,
      this.repeated(prompts),
      this.repeated(limits),
      this.draws(i, 'completions'),
    );
  }

  private repeated<T>(items: readonly T[]): T[] {
    return items.flatMap((item) => Array<T>(this.group).fill(item));
  }

  private promptsOf(i: number): Prompt[] {
    const { prompts, settings } = this.parts;
    const count = settings.batch / this.group;
    let round = -1;
    let order: Int32Array = new Int32Array(0);
    return Array.from({ length: count }, (_, b) => {
      const place = i * count + b;
      const ofRound = Math.floor(place / prompts.length);
      if (ofRound !== round) {
        round = ofRound;
        order = this.draws(round, 'order').permutation(prompts.length);
      }
      return prompts[order[place % prompts.length] as number] as Prompt;
    });
  }
}
