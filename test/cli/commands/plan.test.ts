import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type PlanOptions, plan } from '../../../cli/commands/plan.ts';
import type { StepForecast } from '../../../compiler/forecast.ts';
import type { Plan } from '../../../compiler/plan/types.ts';
import { putArtifact } from '../../../store/artifacts.ts';
import { openStore } from '../../../store/open.ts';
import { acceptResult } from '../../../store/results.ts';
import { scratchDirectory } from '../../infra/scratch-project.ts';

const SPEC = `version: 1
name: small
inputs: { count: { type: integer, default: 100 } }
feedback: { kind: lexicon }
steps:
  reviews: { uses: data.reviews-synthetic, with: { count: "\${{ inputs.count }}" } }
  base:
    uses: lm.train
    matrix: { steps: [10, 20] }
    with:
      data: \${{ steps.reviews }}
      architecture: { type: gpt-neox, layers: 2, width: 32, heads: 2 }
      steps: \${{ matrix.steps }}
`;

let folder: string;
let file: string;
beforeEach(() => {
  folder = scratchDirectory();
  file = join(folder, 'small.yaml');
  writeFileSync(file, SPEC);
  vi.stubEnv('PLUMBLINE_DIRECTORY', join(folder, '.plumb'));
  vi.stubEnv('PLUMBLINE_STORE', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

async function run(
  options: PlanOptions = {},
  path = file,
): Promise<{ code: number; text: string; errors: string }> {
  const streams = { text: '', errors: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    streams.text += chunk;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    streams.errors += chunk;
    return true;
  });
  try {
    return { code: await plan(path, options), ...streams };
  } finally {
    vi.restoreAllMocks();
  }
}

interface PlanJson {
  plan: Plan;
  steps: (Pick<StepForecast, 'points' | 'cached' | 'run'> & { id: string })[];
  total: { points: number; cached: number };
}

const json = async (options: PlanOptions = {}): Promise<PlanJson> =>
  JSON.parse((await run({ ...options, json: true })).text);

/** Puts a result for the point of `reviews` into the store. */
async function finishReviews(): Promise<void> {
  const { steps } = await json();
  const key = steps[0]!.points[0]!.key!;
  const directory = join(folder, 'texts');
  mkdirSync(directory);
  writeFileSync(join(directory, 'texts.jsonl'), '{"text":"good"}\n');
  const store = openStore(join(folder, '.plumb/store'));
  const texts = await putArtifact(store, 'texts', directory);
  await acceptResult(store, {
    key,
    kind: 'data.reviews-synthetic',
    kindVersion: 1,
    params: {},
    seed: 0,
    run: { id: 'small-1', experiment: 'small', step: 'reviews', point: 'reviews' },
    environment: {},
    usage: { peakMemoryBytes: 1e6, cpuSeconds: 1 },
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:01Z',
    seconds: 1,
    attempts: 1,
    dollars: 0,
    outputs: { texts },
    metrics: {},
  });
}

test('a first plan runs everything, and writes nothing', async () => {
  const { code, text, errors } = await run();
  expect([code, errors]).toEqual([0, '']);
  expect(
    text
      .replace(/[0-9a-f]{12}$/m, 'DIGEST')
      .replaceAll(folder, '')
      .replace(/About .*\n/, ''),
  ).toBe(`small  /small.yaml  DIGEST
├─ data
│  └─ + reviews  data.reviews-synthetic  will run    because it has no result yet
└─ fine-tune
   └─ + base     lm.train                2 will run  because reviews will run
         steps: 10, 20

2 steps, 3 points: 0 cached, 3 to run.
`);
  expect(readdirSync(folder)).toEqual(['small.yaml']);
});

test('what the store holds is cached, and what it lost runs again', async () => {
  await finishReviews();
  expect((await json()).steps.map(({ id, cached, run: toRun }) => [id, cached, toRun])).toEqual([
    ['reviews', 1, 0],
    ['base', 0, 2],
  ]);
  expect((await run()).text).toMatch(/= reviews .* cached\n/);
  expect((await run({ points: true })).text).toMatch(/base\[steps=10\] {2}will run {2}[0-9a-f]{12}/);
  rmSync(join(folder, '.plumb/store/blobs'), { recursive: true });
  const { text } = await run();
  expect(text).toMatch(/\+ reviews .* will run .* because its result cannot be used: /);
});

test('--json holds the whole plan', async () => {
  const { plan: whole, steps, total } = await json({ set: { count: '7' } });
  expect(whole.inputs).toEqual({ count: 7 });
  expect(whole.steps.map(({ id }) => id)).toEqual(['reviews', 'base']);
  expect(steps[1]!.points.map(({ id, status }) => [id, status])).toEqual([
    ['base[steps=10]', 'run'],
    ['base[steps=20]', 'run'],
  ]);
  expect(total).toMatchObject({ points: 3, cached: 0 });
});

test('calls of language models are priced beforehand, step by step and against the caps', async () => {
  const labeller = (model: string, cap: number) =>
    `{ type: openai, model: ${model}, api-key: "\${{ secrets.KEY }}", spend-cap: ${cap}, batch: true }`;
  const steps = `  acts: { uses: activations.capture, with: { model: "\${{ steps.base[10] }}", data: "\${{ steps.reviews }}", layers: [0] } }
  sae: { uses: sae.train, with: { activations: "\${{ steps.acts }}", layer: 0, variant: topk } }
  one:
    uses: features.explain
    with:
      dictionaries: \${{ steps.sae }}
      model: \${{ steps.base[10] }}
      data: \${{ steps.reviews }}
      labeller: ${labeller('gpt-4o-mini', 1)}
  two: { uses: features.score, with: { explanations: "\${{ steps.one }}", labeller: ${labeller('gpt-4o', 0.5)} } }
limits: { spend: 5 }
`;
  writeFileSync(file, SPEC + steps);
  const { code, text, errors } = await run();
  expect([code, errors]).toEqual([0, '']);
  expect(text).toContain('about 30 calls, 75 k prompt and 2 k completion tokens: $0.01 of at most $1.00\n');
  expect(text).toMatch(/completion tokens: \$\d\.\d\d of at most \$0\.50; spend-cap will stop it\n/);
  expect(text).toContain('$0.51 of paid calls, at most $1.50 by their spend-caps;');
});

test('--against a git revision, a file or a saved plan says what was changed', async () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      cwd: folder,
      stdio: 'pipe',
    });
  git('init', '-q', '-b', 'main');
  git('add', 'small.yaml');
  git('commit', '-q', '-m', 'first');
  writeFileSync(join(folder, 'old.json'), (await run({ json: true })).text);
  writeFileSync(join(folder, 'old.yaml'), SPEC);
  writeFileSync(file, SPEC.replace('[10, 20]', '[10, 40]').replace('default: 100', 'default: 200'));
  for (const against of ['main', 'HEAD', join(folder, 'old.yaml'), join(folder, 'old.json')]) {
    const { code, text } = await run({ against });
    expect(code).toBe(0);
    expect(text).toContain('because inputs.count: 100 -> 200');
    expect(text).toContain('because the axis steps gained 40 and lost 20');
    expect(text).toContain(`Against ${against}:`);
  }
  await expect(run({ against: 'no-such-branch' })).rejects.toThrow(
    'no-such-branch is neither a file nor a git revision',
  );
});

test('a new input of --set does not keep an older revision from being compared with', async () => {
  writeFileSync(
    join(folder, 'old.yaml'),
    SPEC.replaceAll('count:', 'number:')
      .replace('inputs.count', 'inputs.number')
      .replace('with: { number', 'with: { count'),
  );
  expect((await run({ against: join(folder, 'old.yaml') })).code).toBe(0);
});

test('a bad file ends in 1, its errors on standard error', async () => {
  writeFileSync(file, SPEC.replace('count:', 'cuont:'));
  const { code, text, errors } = await run();
  expect([code, text]).toEqual([1, '']);
  expect(errors).toMatch(/There is no input count/);
});

test('code of the team that will run is named', async () => {
  writeFileSync(join(folder, 'score.mjs'), 'export const score = (_, texts) => texts.map(() => 1);\n');
  const tuned = `  tuned:
    uses: rlhf.ppo
    with: { model: "\${{ steps.base[0] }}", prompts: "\${{ steps.reviews }}", reward: "\${{ feedback }}", steps: 2 }
`;
  const single = SPEC.replace('    matrix: { steps: [10, 20] }\n', '').replace('${{ matrix.steps }}', '10');
  writeFileSync(file, single.replace('lexicon }', 'module, file: score.mjs }') + tuned.replace('[0]', ''));
  const { code, text } = await run();
  expect(code).toBe(0);
  expect(text).toContain(`Runs code of yours: ${join(folder, 'score.mjs')}`);
  writeFileSync(file, SPEC);
  expect((await run()).text).not.toContain('Runs code');
});
