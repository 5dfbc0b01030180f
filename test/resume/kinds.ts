import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stream } from '../../ml/random/stream.ts';
import { putArtifact } from '../../store/artifacts.ts';
import type { ArtifactRef } from '../../store/types.ts';
import type { Params, World } from './world.ts';

/** A training that is killed. A new one is one entry of `TRAININGS`. */
export interface Training {
  /** Kind of step. */
  kind: string;
  /** Whether it takes `lora`. */
  lora: boolean;
  /** Its `with:`, small, for so many steps of its loop. */
  params(inputs: Inputs, steps: number, lora: boolean): Promise<Params>;
}

const PROMPTS = { 'prompt-tokens': [2, 5], 'completion-tokens': [4, 8], 'minimum-characters': 0 };

export const TRAININGS: Readonly<Record<string, Training>> = {
  lm: {
    kind: 'lm.train',
    lora: true,
    async params(inputs, steps, lora) {
      const start = lora ? { model: await inputs.model() } : { architecture: inputs.architecture };
      const training = { ...inputs.training, steps, 'evaluate-every': 15 };
      return { data: await inputs.texts(), ...start, ...training };
    },
  },
  ppo: {
    kind: 'rlhf.ppo',
    lora: true,
    params: async (inputs, steps) => ({
      ...{ model: await inputs.model(), prompts: await inputs.texts(), reward: inputs.feedback, ...PROMPTS },
      ...{ steps, batch: 8, 'mini-batch': 4, 'value-dropout': 0.1 },
    }),
  },
  grpo: {
    kind: 'rlhf.grpo',
    lora: true,
    params: async (inputs, steps) => ({
      ...{ model: await inputs.model(), prompts: await inputs.texts(), reward: inputs.feedback, ...PROMPTS },
      ...{ steps, batch: 8, 'mini-batch': 4, group: 4 },
    }),
  },
  rloo: {
    kind: 'rlhf.rloo',
    lora: true,
    params: async (inputs, steps) => ({
      ...{ model: await inputs.model(), prompts: await inputs.texts(), reward: inputs.feedback, ...PROMPTS },
      ...{ steps, batch: 8, 'mini-batch': 4, group: 4 },
    }),
  },
  dpo: {
    kind: 'rlhf.dpo',
    lora: true,
    params: async (inputs, steps) => ({
      ...{ model: await inputs.model(), preferences: await inputs.preferences(), steps, batch: 8 },
      'held-out': await inputs.preferences(),
    }),
  },
  reward: {
    kind: 'reward.train',
    lora: true,
    params: async (inputs, steps) => ({
      ...{ model: await inputs.model(), preferences: await inputs.preferences(), steps, batch: 8 },
      ...{ 'held-out': await inputs.preferences(), 'micro-batch': 5 },
    }),
  },
  sae: {
    kind: 'sae.train',
    lora: false,
    params: async (inputs, steps) => ({
      ...{ activations: await inputs.activations(), layer: 1, variant: 'topk', expansion: 4 },
      ...{ batch: 128, tokens: 128 * steps },
    }),
  },
};

/** What trainings are given, each made when it is first asked for. */
export class Inputs {
  readonly architecture = { type: 'gpt-neox', layers: 2, width: 64, heads: 2 };
  readonly feedback = { kind: 'lexicon', scale: 0.5 };
  readonly training = { tokenizer: { type: 'word-level', size: 400 }, context: 32, batch: 8 };
  private readonly made = new Map<string, Promise<ArtifactRef>>();

  constructor(
    private readonly world: World,
    private readonly scratch: string,
  ) {}

  texts = () => this.once('texts', () => this.output('data.reviews-synthetic', { count: 400 }, 'texts'));

  model = () =>
    this.once('model', async () => {
      const { architecture, training } = this;
      const data = await this.texts();
      return this.output('lm.train', { data, architecture, ...training, steps: 40 }, 'model');
    });

  activations = () =>
    this.once('activations', async () => {
      const [model, data] = [await this.model(), await this.texts()];
      const params = { model, data, layers: [0, 1], tokens: 6000 };
      return this.output('activations.capture', params, 'activations');
    });

  /** Comparisons of which the one with the better words wins. */
  preferences = () =>
    this.once('preferences', () => {
      const directory = join(this.scratch, 'preferences');
      mkdirSync(directory, { recursive: true });
      const random = stream(0, 'preferences');
      const about = () => random.choice(['film', 'plot', 'movie', 'acting', 'story']);
      const pairs = Array.from({ length: 240 }, () => ({
        prompt: `the ${about()} was`,
        chosen: ` ${random.choice(['good', 'great', 'superb', 'lovely'])} and the ${about()} too .`,
        rejected: ` ${random.choice(['bad', 'awful', 'poor', 'boring'])} and so was the ${about()} .`,
        margin: 1 + random.uniform(),
      }));
      const text = pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('');
      writeFileSync(join(directory, 'preferences.jsonl'), text);
      return putArtifact(this.world.store, 'preferences', directory);
    });

  private async output(kind: string, params: Params, name: string): Promise<ArtifactRef> {
    const { outputs } = await this.world.point(kind, params, {
      ...{ threads: 1, label: 'input', checkpointEvery: null },
    });
    return outputs[name] as ArtifactRef;
  }

  private once(name: string, make: () => Promise<ArtifactRef>): Promise<ArtifactRef> {
    const before = this.made.get(name);
    if (before) return before;
    const promise = make();
    this.made.set(name, promise);
    return promise;
  }
}
