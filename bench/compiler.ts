import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareProcesses } from './lib/processes.ts';
import type { Benchmark } from './types.ts';

/** What people wait for, as whole processes from a cold start, beside `node -e 0`, below which no Node program can come. */
export const benchmark: Benchmark = {
  summary: 'plumb validate of 100 steps and plumb plan of 10,000 points, beside an empty Node process',
  async run({ root, directory, say }) {
    const plumb = join(root, 'dist/cli/main.cjs');
    const floor = ['-e', '0'];
    const peerVersion = `node -e 0, ${process.version}`;
    const steps = join(directory, 'steps.yaml');
    const points = join(directory, 'points.yaml');
    writeFileSync(steps, hundredSteps());
    writeFileSync(points, tenThousandPoints());
    mkdirSync(join(directory, '.plumb'), { recursive: true });

    say('plumb validate, 100 steps');
    const validate = compareProcesses([plumb, 'validate', steps], floor, 15, directory);
    say('plumb plan, 10,000 points');
    const plan = compareProcesses([plumb, 'plan', points], floor, 5, directory);
    const time = { unit: 'ms', better: 'lower', peerVersion } as const;
    const memory = { unit: 'MB', better: 'lower', peerVersion } as const;
    return [
      {
        name: 'validate 100 steps',
        ours: validate.ours.milliseconds,
        peer: validate.peer.milliseconds,
        bar: 150,
        ...time,
      },
      {
        name: 'validate 100 steps, peak memory',
        ours: validate.ours.megabytes,
        peer: validate.peer.megabytes,
        bar: null,
        ...memory,
      },
      {
        name: 'plan 10,000 points',
        ours: plan.ours.milliseconds,
        peer: plan.peer.milliseconds,
        bar: 2000,
        ...time,
      },
      {
        name: 'plan 10,000 points, peak memory',
        ours: plan.ours.megabytes,
        peer: plan.peer.megabytes,
        bar: 300,
        ...memory,
      },
    ];
  },
};

const HEAD = `version: 1
name: large
seeds: [0]
inputs:
  steps: { type: integer, default: 60, description: PPO steps }
feedback: { kind: lexicon, lexicon: vader, scale: 0.2, clip: 10 }
steps:
  # A model to tune.
  reviews: { uses: data.reviews-synthetic, with: { count: 4000 } }
  base:
    uses: lm.train
    with:
      data: \${{ steps.reviews }}
      architecture: { type: gpt-neox, layers: 4, width: 128, heads: 4 }
      tokenizer: { type: word-level, size: 2000 }
      context: 48
      batch: 32
      steps: 300
      learning-rate: 2e-3
    checkpoint: { every: 50 }
`;

/** 2 steps, and 14 times 7 as people write them. */
function hundredSteps(): string {
  const tuned = (i: number) => `
  tuned-${i}:
    uses: rlhf.ppo
    with:
      model: \${{ steps.base }}
      prompts: \${{ steps.reviews }}
      reward: \${{ feedback }}
      steps: \${{ inputs.steps + ${i} }}
    checkpoint: { every: 10 }
  evaluation-${i}:
    uses: model.evaluate
    matrix: { model: ["\${{ steps.tuned-${i} }}", "\${{ steps.base }}"] }
    with: { model: "\${{ matrix.model }}", base: "\${{ steps.base }}", prompts: "\${{ steps.reviews }}", reward: "\${{ feedback }}" }
  layers-${i}:
    uses: model.divergence
    with: { base: "\${{ steps.base }}", tuned: "\${{ steps.tuned-${i} }}", keep: 2 }
  acts-${i}:
    uses: activations.capture
    with:
      model: \${{ steps.tuned-${i} }}
      data: \${{ steps.reviews }}
      layers: \${{ steps.layers-${i}.selected }}
  saes-${i}:
    uses: sae.train
    matrix:
      layer: \${{ steps.layers-${i}.selected }}
      variant: [l1-tied, topk]
    with: { activations: "\${{ steps.acts-${i} }}", layer: "\${{ matrix.layer }}", variant: "\${{ matrix.variant }}" }
    timeout: 2h
  quality-${i}:
    uses: sae.evaluate
    matrix: { layer: "\${{ steps.layers-${i}.selected }}", variant: [l1-tied, topk] }
    with:
      dictionary: \${{ select(steps.saes-${i}, 'layer', matrix.layer, 'variant', matrix.variant) }}
      model: \${{ steps.tuned-${i} }}
      data: \${{ steps.reviews }}
  explanations-${i}:
    uses: features.explain
    with:
      dictionaries: \${{ select(steps.saes-${i}, 'variant', 'topk') }}
      model: \${{ steps.tuned-${i} }}
      data: \${{ steps.reviews }}
      labeller: { type: lexicon, feedback: "\${{ feedback }}" }
`;
  return HEAD + Array.from({ length: 14 }, (_, i) => tuned(i)).join('');
}

/** A sweep of 10,000 dictionaries, each evaluated. */
function tenThousandPoints(): string {
  return `${HEAD}  acts: { uses: activations.capture, with: { model: "\${{ steps.base }}", data: "\${{ steps.reviews }}", layers: "\${{ range(4) }}" } }
  saes:
    uses: sae.train
    matrix: { layer: [0, 1, 2, 3], k: "\${{ range(1, 51) }}", expansion: "\${{ range(1, 26) }}" }
    with: { activations: "\${{ steps.acts }}", layer: "\${{ matrix.layer }}", variant: topk, k: "\${{ matrix.k }}", expansion: "\${{ matrix.expansion }}" }
  quality:
    uses: sae.evaluate
    matrix: { layer: [0, 1, 2, 3], k: "\${{ range(1, 51) }}", expansion: "\${{ range(1, 26) }}" }
    with:
      dictionary: \${{ select(steps.saes, 'layer', matrix.layer, 'k', matrix.k, 'expansion', matrix.expansion) }}
      model: \${{ steps.base }}
      data: \${{ steps.reviews }}
`;
}
