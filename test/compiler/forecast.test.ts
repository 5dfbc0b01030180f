import { describe, expect, test } from 'vitest';
import { type Forecast, forecast } from '../../compiler/forecast.ts';
import { diffPlans } from '../../compiler/plan/diff.ts';
import type { Plan } from '../../compiler/plan/types.ts';
import type { PointOutputs } from '../../store/types.ts';
import { BASE, experiment, planOf } from './compiling.ts';
import { giving, walk } from './plan/running.ts';

const text = (l1: string, rest = '') =>
  experiment(
    `${BASE}layers:
  uses: model.divergence
  with: { base: "\${{ steps.base }}", tuned: "\${{ steps.base }}", keep: 2 }
acts: { uses: activations.capture, with: { model: "\${{ steps.base }}", data: "\${{ steps.reviews }}", layers: "\${{ steps.layers.selected }}" } }
saes:
  uses: sae.train
  matrix: { layer: "\${{ steps.layers.selected }}", l1: ${l1} }
  with: { activations: "\${{ steps.acts }}", layer: "\${{ matrix.layer }}", variant: l1-tied, l1: "\${{ matrix.l1 }}" }
quality:
  uses: sae.evaluate
  matrix: { layer: "\${{ steps.layers.selected }}", l1: ${l1} }
  with: { dictionary: "\${{ select(steps.saes, 'layer', matrix.layer, 'l1', matrix.l1) }}", model: "\${{ steps.base }}", data: "\${{ steps.reviews }}" }
report: { uses: report }
`,
    rest,
  );

const OUTCOME = giving({
  reviews: { texts: 'texts' },
  base: { model: 'model' },
  layers: { divergence: 'divergence', selected: { value: [0, 1] } },
  acts: { activations: 'activations' },
  saes: { sae: 'sae' },
});

/** What a store holds after a run of the plan. */
function resultsOf(plan: Plan): Map<string, PointOutputs> {
  const { states } = walk(plan, OUTCOME);
  const all = Object.values(states).flat();
  return new Map(
    all.flatMap((state) =>
      state.status === 'accepted' ? [[state.key, { outputs: state.outputs, metrics: state.metrics }]] : [],
    ),
  );
}

const counts = ({ steps }: Forecast) =>
  Object.fromEntries(steps.map(({ step, cached, run }) => [step.id, `${cached}+${run}`]));

describe('a forecast', () => {
  const plan = planOf(text('[1e-3, 2e-3]'));
  const results = resultsOf(plan);
  const find = (known: Map<string, PointOutputs>) => async (key: string) => known.get(key) ?? null;

  test('of a first run bounds what it cannot know', async () => {
    const first = await forecast(plan, async () => null);
    expect(counts(first)).toEqual({
      reviews: '0+1',
      base: '0+1',
      layers: '0+1',
      acts: '0+1',
      saes: '0+4',
      quality: '0+4',
      report: '0+1',
    });
    expect(first.total.exact).toBe(false);
    expect(
      first.steps
        .find(({ step }) => step.id === 'saes')!
        .points.map(({ id, status, count }) => [id, status, count]),
    ).toEqual([
      ['saes[l1=1e-3,layer=?]', 'open', 2],
      ['saes[l1=2e-3,layer=?]', 'open', 2],
    ]);
  });

  test('after a run finds everything cached but the report, whose key only the run makes', async () => {
    const again = await forecast(plan, find(results));
    expect(counts(again)).toEqual({
      reviews: '1+0',
      base: '1+0',
      layers: '1+0',
      acts: '1+0',
      saes: '4+0',
      quality: '4+0',
      report: '0+1',
    });
    expect(again.total.exact).toBe(true);
  });

  test('after a value was added runs only that and what depends on it', async () => {
    const more = await forecast(planOf(text('[1e-3, 2e-3, 5e-3]')), find(results));
    expect(counts(more)).toEqual({
      reviews: '1+0',
      base: '1+0',
      layers: '1+0',
      acts: '1+0',
      saes: '4+2',
      quality: '4+2',
      report: '0+1',
    });
    const ran = more.steps
      .find(({ step }) => step.id === 'saes')!
      .points.filter(({ status }) => status === 'run');
    expect(ran.map(({ id }) => id)).toEqual(['saes[l1=5e-3,layer=0]', 'saes[l1=5e-3,layer=1]']);
  });

  test('runs again what has a result that cannot be used, and says why', async () => {
    const lost = [...results].find(([, { outputs }]) => 'activations' in outputs)![0];
    const found = await forecast(plan, async (key) =>
      key === lost ? { invalid: 'blob abc is missing' } : (results.get(key) ?? null),
    );
    expect(counts(found)).toMatchObject({ layers: '1+0', acts: '0+1', saes: '0+4' });
    expect(found.steps.find(({ step }) => step.id === 'acts')!.points[0]!.why).toMatch(/blob abc is missing/);
  });

  test('knows the report once all that it reads is known', async () => {
    const asked: string[] = [];
    const answer = async (key: string) => {
      asked.push(key);
      return results.get(key) ?? null;
    };
    await forecast(plan, answer);
    const reader = asked.at(-1)!;
    const whole = await forecast(plan, find(new Map([...results, [reader, { outputs: {}, metrics: {} }]])));
    expect(counts(whole).report).toBe('1+0');
    expect(whole.total.points).toBe(0);
  });
});

describe('a difference', () => {
  const plan = planOf(text('[1e-3, 2e-3]', 'inputs: { n: { type: integer, default: 5 } }\n'));
  const against = (change: (text: string) => string) =>
    diffPlans(plan, planOf(change(text('[1e-3, 2e-3]', 'inputs: { n: { type: integer, default: 5 } }\n'))));

  test('is none for a file with its keys in another order', () => {
    expect(against((same) => `# a comment\n${same}`)).toEqual({
      added: [],
      removed: [],
      changed: {},
      general: [],
    });
  });

  test('names what was changed, from what to what', () => {
    const diff = against((old) =>
      old
        .replaceAll('l1: [1e-3, 2e-3]', 'l1: [2e-3, 5e-3]')
        .replace('keep: 2', 'keep: 3')
        .replace(
          'report: { uses: report }',
          'extra: { uses: data.reviews-synthetic, with: { count: "${{ inputs.n }}" } }',
        )
        .replace('width: 32', 'width: 64'),
    );
    expect(diff.added).toEqual(['extra']);
    expect(diff.removed).toEqual(['report']);
    expect(diff.changed).toEqual({
      base: ['architecture.width: 32 -> 64'],
      layers: ['keep: 2 -> 3'],
      quality: ['the axis l1 gained 5e-3 and lost 1e-3'],
      saes: ['the axis l1 gained 5e-3 and lost 1e-3'],
    });
  });

  test('sees through inputs, feedback and local files', () => {
    const steps = `a: { uses: data.reviews-synthetic, with: { count: "\${{ inputs.n }}" } }
b: { uses: data.reviews-synthetic, with: { feedback: "\${{ feedback }}" } }
c: { uses: data.files, with: { path: one.jsonl } }
`;
    const inputs = 'inputs: { n: { type: integer, default: 5 } }\nseeds: [0]\n';
    const make = (yaml: string, content: string) =>
      planOf(yaml, { fingerprint: (path) => ({ path, sha256: content.repeat(64) }) });
    const before = make(experiment(steps, inputs), 'a');
    const after = make(
      experiment(steps, inputs)
        .replace('default: 5', 'default: 6')
        .replace('{ kind: lexicon }', '{ kind: lexicon, scale: 1 }')
        .replace('[0]', '[0, 1]'),
      'b',
    );
    const diff = diffPlans(before, after);
    expect(diff.changed).toEqual({
      a: ['inputs.n: 5 -> 6'],
      b: ['feedback.scale: 0.2 -> 1'],
      c: ['one.jsonl has other content'],
    });
    expect(diff.general).toEqual(['seeds gained 1']);
  });
});
