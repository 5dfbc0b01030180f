import { describe, expect, test } from 'vitest';
import { ExpansionError, expandStep } from '../../../compiler/plan/expand.ts';
import type { Point } from '../../../compiler/plan/types.ts';
import { BASE, experiment, planOf, stepOf } from '../compiling.ts';
import { accepted, artifact, failed, giving, ready, walk } from './running.ts';

const MODELS = giving({
  reviews: { texts: 'texts' },
  base: { model: 'model' },
  tuned: { model: 'model' },
  random: { model: 'model' },
  layers: { divergence: 'divergence', selected: { value: [1, 3] } },
  acts: { activations: 'activations' },
  contrasts: { activations: 'activations' },
  saes: { sae: 'sae' },
});

const TUNED = `${BASE}tuned:
  uses: rlhf.ppo
  with: { model: "\${{ steps.base }}", prompts: "\${{ steps.reviews }}", reward: "\${{ feedback }}" }
layers:
  uses: model.divergence
  with: { base: "\${{ steps.base }}", tuned: "\${{ steps.tuned }}", keep: 2 }
acts:
  uses: activations.capture
  with: { model: "\${{ steps.tuned }}", data: "\${{ steps.reviews }}", layers: "\${{ steps.layers.selected }}" }
saes:
  uses: sae.train
  matrix: { variant: [topk, l1-tied], layer: "\${{ steps.layers.selected }}" }
  with: { activations: "\${{ steps.acts }}", layer: "\${{ matrix.layer }}", variant: "\${{ matrix.variant }}" }
`;

const ids = (points: readonly Point[]) => points.map(({ id }) => id);

describe('a matrix with an axis that the run tells', () => {
  const plan = planOf(experiment(TUNED));
  const { entries } = walk(plan, MODELS);
  const points = ready(entries.saes!);

  test('has a point for each combination: axes by name, the last varying fastest', () => {
    expect(ids(points)).toEqual([
      'saes[layer=1,variant=topk]',
      'saes[layer=1,variant=l1-tied]',
      'saes[layer=3,variant=topk]',
      'saes[layer=3,variant=l1-tied]',
    ]);
    expect(points[0]!.summary).toBe('layer=1 variant=topk');
    expect(points[0]!.axes).toEqual({ layer: 1, variant: 'topk' });
    expect(points[0]!.params).toMatchObject({
      layer: 1,
      variant: 'topk',
      activations: { $artifact: 'activations', from: 'acts' },
    });
  });

  test('is bounded by what the step that gives the list says', () => {
    expect(stepOf(plan, 'saes').matrix!.bound).toBe(2);
    expect(stepOf(plan, 'saes').bound).toBe(4);
  });

  test('fails as a whole when the list is longer, has a value twice, or is none', () => {
    const give = (selected: unknown) => () =>
      expandStep(plan, stepOf(plan, 'saes'), {
        layers: [accepted(ready(entries.layers!)[0]!, { selected: selected as number[] })],
        acts: [accepted(ready(entries.acts!)[0]!, { activations: artifact('activations', 'x') })],
      });
    expect(give([1, 2, 3])).toThrow(/has 3 values; the plan allows 2/);
    expect(give([1, 1])).toThrow(/has 1 twice/);
    expect(give(7)).toThrow(ExpansionError);
  });

  test('cannot be expanded before what it needs has finished', () => {
    expect(() => expandStep(plan, stepOf(plan, 'saes'), {})).toThrow(/not finished/);
  });
});

describe('a failed point', () => {
  const quality = `quality:
  uses: sae.evaluate
  matrix: { layer: "\${{ steps.layers.selected }}" }
  with: { dictionary: "\${{ select(steps.saes, 'layer', matrix.layer, 'variant', 'topk') }}", model: "\${{ steps.tuned }}", data: "\${{ steps.reviews }}" }
all:
  uses: features.explain
  with: { dictionaries: "\${{ steps.saes }}", model: "\${{ steps.tuned }}", data: "\${{ steps.reviews }}", labeller: { type: lexicon, feedback: "\${{ feedback }}" } }
after: { uses: data.reviews-synthetic, needs: saes }
`;
  const plan = planOf(experiment(TUNED + quality));
  const broken = 'saes[layer=3,variant=topk]';
  const { entries } = walk(plan, (point) => (point.id === broken ? failed(point) : MODELS(point)));

  test('blocks the points that use it, and no others', () => {
    expect(entries.quality!.map(({ status }) => status)).toEqual(['ready', 'blocked']);
    expect(entries.quality![1]).toMatchObject({
      id: 'quality[layer=3]',
      by: [broken],
      error: { code: 'blocked' },
    });
  });

  test('blocks those that use the whole list, naming it', () => {
    expect(entries.all).toMatchObject([{ status: 'blocked', id: 'all', by: [broken] }]);
  });

  test('blocks those that name its step under needs', () => {
    expect(entries.after).toMatchObject([{ status: 'blocked', by: [broken] }]);
  });

  test('of a step that gives an axis stands for all points of the matrix', () => {
    const { entries: without } = walk(plan, (point) =>
      point.step === 'layers' ? failed(point) : MODELS(point),
    );
    expect(without.saes).toMatchObject([{ status: 'blocked', id: 'saes', by: ['layers'] }]);
  });
});

describe('artifacts on an axis', () => {
  const text = experiment(`${TUNED}random: { uses: model.initialise, with: { like: "\${{ steps.base }}" } }
contrasts:
  uses: activations.capture
  matrix: { model: ["\${{ steps.tuned }}", "\${{ steps.base }}", "\${{ steps.random }}"] }
  with: { model: "\${{ matrix.model }}", data: "\${{ steps.reviews }}", layers: [0] }
more:
  uses: sae.train
  matrix: { model: ["\${{ steps.tuned }}", "\${{ steps.random }}"] }
  exclude: [{ model: random }]
  with: { activations: "\${{ steps.contrasts[matrix.model] }}", layer: 0, variant: topk }
each:
  uses: sae.evaluate
  matrix: { dictionary: "\${{ steps.saes }}" }
  with: { dictionary: "\${{ matrix.dictionary }}", model: "\${{ steps.tuned }}", data: "\${{ steps.reviews }}", texts: "\${{ matrix.dictionary.matrix.layer + 10 }}" }
`);
  const plan = planOf(text);

  test('are called by the step that makes them, and index by it', () => {
    const { entries } = walk(plan, MODELS);
    expect(ids(ready(entries.contrasts!))).toEqual([
      'contrasts[model=tuned]',
      'contrasts[model=base]',
      'contrasts[model=random]',
    ]);
    expect(ready(entries.contrasts!)[2]!.params.model).toMatchObject({ $artifact: 'model', from: 'random' });
    expect(ids(ready(entries.more!))).toEqual(['more[model=tuned]']);
    expect(ready(entries.more!)[0]!.params.activations).toMatchObject({ from: 'contrasts[model=tuned]' });
  });

  test('take only their own point with them when they fail', () => {
    const { entries } = walk(plan, (point) => (point.step === 'random' ? failed(point) : MODELS(point)));
    expect(entries.contrasts!.map(({ status }) => status)).toEqual(['ready', 'ready', 'blocked']);
  });

  test('can be all points of another step, whose axes they know', () => {
    const { entries } = walk(plan, MODELS);
    const points = ready(entries.each!);
    expect(points).toHaveLength(4);
    expect(points[0]!.id).toBe("each[dictionary='saes[layer=1,variant=topk]']");
    expect(points.map(({ params }) => params.texts)).toEqual([11, 11, 13, 13]);
  });
});

describe('seeds', () => {
  const steps = `${BASE}layers:
  uses: model.divergence
  with: { base: "\${{ steps.base }}", tuned: "\${{ steps.base }}", keep: 1 }
fixed: { uses: model.files, with: { path: weights } }
fixed-layers:
  uses: model.divergence
  with: { base: "\${{ steps.fixed }}", tuned: "\${{ steps.fixed }}" }
seeded:
  uses: model.divergence
  with: { base: "\${{ steps.fixed }}", tuned: "\${{ steps.fixed }}", keep: "\${{ seed + 1 }}" }
all: { uses: report }
`;
  const plan = planOf(experiment(steps, 'seeds: [3, 7]\n'));
  const outcome = giving({
    reviews: { texts: 'texts' },
    base: { model: 'model' },
    layers: { divergence: 'divergence', selected: { value: [0] } },
    fixed: { model: 'model' },
  });

  test('multiply what draws, what depends on it, and what mentions the seed; nothing else', () => {
    const seeding = Object.fromEntries(plan.steps.map(({ id, seeding: one }) => [id, one]));
    expect(seeding).toEqual({
      reviews: 'per-seed',
      base: 'per-seed',
      layers: 'per-seed',
      fixed: 'shared',
      'fixed-layers': 'shared',
      seeded: 'per-seed',
      all: 'pooled',
    });
  });

  test('are part of ids, and each point sees those of its own seed', () => {
    const { entries } = walk(plan, outcome);
    expect(ids(ready(entries.base!))).toEqual(['base[seed=3]', 'base[seed=7]']);
    expect(ready(entries.base!)[1]!.params.data).toMatchObject({ from: 'reviews[seed=7]' });
    expect(ids(ready(entries.fixed!))).toEqual(['fixed']);
    expect(ready(entries.seeded!).map(({ params }) => params.keep)).toEqual([4, 8]);
    expect(ids(ready(entries.all!))).toEqual(['all']);
  });

  test('are no part of the key of what draws nothing', () => {
    expect(
      plan.steps
        .filter(({ seedInKey }) => !seedInKey)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['all', 'fixed', 'fixed-layers', 'layers', 'seeded']);
    const same = () => accepted({ id: '', key: '', axes: {}, seed: null } as unknown as Point, {});
    const states = {
      base: [3, 7].map((seed) => ({
        ...same(),
        seed,
        id: `base[seed=${seed}]`,
        outputs: { model: artifact('model', 'equal') },
      })) as never,
    };
    const [a, b] = ready(expandStep(plan, stepOf(plan, 'layers'), states));
    expect(a!.key).toBe(b!.key);
  });

  test('leave ids alone when there is one', () => {
    const one = planOf(experiment(steps, 'seeds: [5]\n'));
    const { entries } = walk(one, outcome);
    expect(ready(entries.base!)[0]).toMatchObject({ id: 'base', seed: 5, summary: 'base' });
  });
});

describe('conditions', () => {
  test('skip points, and what needs them', () => {
    const plan = planOf(
      experiment(
        `${BASE}layers:
  uses: model.divergence
  matrix: { keep: [1, 2, 3] }
  if: matrix.keep != 2 && inputs.go
  with: { base: "\${{ steps.base }}", tuned: "\${{ steps.base }}", keep: "\${{ matrix.keep }}" }
one:
  uses: data.reviews-synthetic
  with: { count: "\${{ length(select(steps.layers, 'keep', 2).selected) + 1 }}" }
several:
  uses: data.reviews-synthetic
  with: { count: "\${{ length(steps.layers) }}" }
`,
        'inputs: { go: { type: boolean, default: true } }\n',
      ),
    );
    const { entries } = walk(
      plan,
      giving({
        reviews: { texts: 'texts' },
        base: { model: 'model' },
        layers: { divergence: 'divergence', selected: { value: [1] } },
      }),
    );
    expect(entries.layers!.map(({ status }) => status)).toEqual(['ready', 'skipped', 'ready']);
    expect(entries.one).toMatchObject([
      { status: 'skipped', why: 'needs layers[keep=2], which was skipped' },
    ]);
    expect(ready(entries.several!)[0]!.params.count).toBe(2);
  });
});

describe('include', () => {
  test('follows the example of GitHub Actions', () => {
    const plan = planOf(
      experiment(`a:
  uses: data.reviews-synthetic
  matrix: { fruit: [apple, pear], animal: [cat, dog] }
  include:
    - { color: green }
    - { color: pink, animal: cat }
    - { fruit: apple, shape: circle }
    - { fruit: banana }
    - { fruit: banana, animal: cat }
`),
    );
    const points = ready(expandStep(plan, stepOf(plan, 'a'), {}));
    const wanted = [
      { fruit: 'apple', animal: 'cat', color: 'pink', shape: 'circle' },
      { fruit: 'pear', animal: 'cat', color: 'pink' },
      { fruit: 'apple', animal: 'dog', color: 'green', shape: 'circle' },
      { fruit: 'pear', animal: 'dog', color: 'green' },
      { fruit: 'banana' },
      { fruit: 'banana', animal: 'cat' },
    ];
    expect(points.map(({ axes }) => axes)).toEqual(wanted);
  });

  test('where an axis is missing, the default of the parameter holds', () => {
    const plan = planOf(
      experiment(`a:
  uses: data.reviews-synthetic
  matrix: { count: [10, 20] }
  include: [{ count: 20, neutral: 0.5 }, { count: 30, label: x }]
  with: { count: "\${{ matrix.count }}", neutral: "\${{ matrix.neutral }}" }
`),
    );
    const points = ready(expandStep(plan, stepOf(plan, 'a'), {}));
    expect(points.map(({ params }) => [params.count, params.neutral])).toEqual([
      [10, 0.35],
      [20, 0.5],
      [30, 0.35],
    ]);
  });
});
