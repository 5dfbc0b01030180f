import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileFile } from '../../cli/compile.ts';
import { diffPlans } from '../../compiler/plan/diff.ts';
import type { Point } from '../../compiler/plan/types.ts';
import { BASE, compileText, planOf, problemsOf, stepOf } from './compiling.ts';
import { giving, ready, walk } from './plan/running.ts';

const TUNED = `tuned:
  uses: rlhf.ppo
  with: { model: "\${{ steps.base }}", prompts: "\${{ steps.reviews }}", reward: "\${{ feedback }}", steps: 2 }
`;
const OTHER = `pleased:
  uses: lm.train
  with: { data: "\${{ steps.reviews }}", model: "\${{ steps.base }}", steps: 3 }
`;

const spec = (feedback: string, steps: string, rest = '') =>
  `version: 1\nname: test\n${rest}feedback: ${feedback}\nsteps:\n${steps.replace(/^(?=.)/gm, '  ')}`;

const PREFERENCES = '{ kind: preferences, model: "${{ steps.pleased }}", reference: "${{ steps.base }}" }';
const OUTPUTS = {
  reviews: { texts: 'texts' },
  base: { model: 'model' },
  pleased: { model: 'model' },
} as const;
const HTTP = (rest: string) =>
  `{ kind: http, url: "http://a/score", version: "1", token: "\${{ secrets.KEY }}", ${rest} }`;

/** The points of `tuned`, as the run gets there. */
function tunedOf(yaml: string): Point[] {
  const plan = planOf(yaml);
  return ready(walk(plan, giving(OUTPUTS)).entries.tuned!);
}

describe('a feedback that is made of artifacts', () => {
  const yaml = spec(PREFERENCES, BASE + TUNED + OTHER, 'seeds: [0, 1]\n');

  test('is waited for by the steps that use it, whatever their order in the file', () => {
    const plan = planOf(yaml);
    expect(stepOf(plan, 'tuned').needs).toEqual(['base', 'pleased', 'reviews']);
    expect(stepOf(plan, 'pleased').needs).toEqual(['base', 'reviews']);
    expect(plan.steps.map(({ id }) => id)).toEqual(['reviews', 'base', 'pleased', 'tuned']);
  });

  test('is that of the same seed, and part of the key by its digest', () => {
    const points = tunedOf(yaml);
    const rewards = points.map(
      ({ params }) => params.reward as { model: { $artifact: string; from: string } },
    );
    expect(rewards.map(({ model }) => [model.$artifact, model.from])).toEqual([
      ['model', 'pleased[seed=0]'],
      ['model', 'pleased[seed=1]'],
    ]);
    expect(new Set(points.map(({ key }) => key)).size).toBe(2);
    const retrained = tunedOf(yaml.replace('steps: 3', 'steps: 4'));
    expect(retrained[0]!.key).not.toBe(points[0]!.key);
  });

  test('fails with a message when what it needs failed', () => {
    const plan = planOf(yaml);
    const { entries } = walk(plan, (point) => {
      if (point.step !== 'pleased') return giving(OUTPUTS)(point);
      const { id, key, axes, seed } = point;
      return { status: 'failed', id, key, axes, seed, error: { code: 'nan-loss', message: 'NaN' } };
    });
    expect(entries.tuned).toMatchObject([
      { status: 'blocked', by: ['pleased[seed=0]'] },
      { status: 'blocked' },
    ]);
  });

  test('a cycle through it names the step that uses it', () => {
    const looped = yaml.replace(
      'model: "${{ steps.base }}", steps: 3',
      'model: "${{ steps.tuned }}", steps: 3',
    );
    const { diagnostics } = compileText(looped);
    expect(diagnostics).toMatchObject([
      { code: 'cycle', message: 'These steps need each other: tuned -> pleased -> tuned.' },
    ]);
    expect(diagnostics[0]!.hint).toMatch(/^tuned uses the feedback, which is made of what pleased gives/);
  });
});

describe('what of a feedback makes a point new', () => {
  const keyOf = (rest: string) => tunedOf(spec(HTTP(rest), BASE + TUNED))[0]!.key;

  test('not where a service is, which secret it takes, or how it is asked', () => {
    const one = keyOf('batch-size: 8');
    expect(keyOf('batch-size: 16, attempts: 3, timeout-seconds: 5')).toBe(one);
    const moved = HTTP('batch-size: 8').replace('//a/', '//b/').replace('KEY', 'OTHER_KEY');
    expect(tunedOf(spec(moved, BASE + TUNED))[0]!.key).toBe(one);
    expect(tunedOf(spec(HTTP('scale: 2'), BASE + TUNED))[0]!.key).not.toBe(one);
    expect(
      tunedOf(spec(HTTP('x: 1').replace('"1"', '"2"').replace(', x: 1', ''), BASE + TUNED))[0]!.key,
    ).not.toBe(one);
  });

  test('neither in a sum, nor written in a step, nor when only the run can tell', () => {
    const sum = (port: number) =>
      `{ kind: sum, of: [{ feedback: { kind: lexicon } }, { weight: 2, feedback: { kind: http, url: "http://a:${port}", version: "1" } }] }`;
    const key = (feedback: string) => tunedOf(spec(feedback, BASE + TUNED))[0]!.key;
    expect(key(sum(1))).toBe(key(sum(2)));
    expect(key(sum(1))).not.toBe(key(sum(1).replace('weight: 2', 'weight: 3')));
    const inStep = (port: number) =>
      tunedOf(spec('{ kind: lexicon }', BASE + TUNED.replace('"${{ feedback }}"', sum(port))))[0]!.key;
    expect(inStep(1)).toBe(key(sum(2)));
  });

  test('a step says what is left out, and a lexicon leaves nothing out', () => {
    expect(stepOf(planOf(spec(HTTP('scale: 1'), BASE + TUNED)), 'tuned').notInKey).toEqual([
      'reward.url',
      'reward.batch-size',
      'reward.timeout-seconds',
      'reward.attempts',
    ]);
    expect(stepOf(planOf(spec('{ kind: lexicon }', BASE + TUNED)), 'tuned').notInKey).toEqual([]);
  });

  test('a plan that asks another address is not said to have changed', () => {
    const before = planOf(spec(HTTP('scale: 1'), BASE + TUNED));
    const after = planOf(spec(HTTP('scale: 1').replace('//a/', '//b/'), BASE + TUNED));
    expect(diffPlans(before, after).changed).toEqual({});
  });
});

test('secrets are named in the plan, for the steps that use the feedback, and nowhere else', () => {
  const plan = planOf(spec(HTTP('scale: 1'), BASE + TUNED));
  expect(stepOf(plan, 'tuned').secrets).toEqual(['KEY']);
  expect(stepOf(plan, 'base').secrets).toEqual([]);
  expect((plan.feedback as { token: unknown }).token).toEqual({ $secret: 'KEY' });
  expect(problemsOf(spec(HTTP('clip: 1').replace('"1"', '"${{ secrets.KEY }}"'), BASE + TUNED))[0]).toMatch(
    'secret-not-allowed',
  );
});

test('a step that reads words takes a lexicon of its own beside a feedback that rates none', () => {
  const triples = (feedback: string) =>
    `triples: { uses: triples.build, with: { texts: "\${{ steps.reviews }}", model: "\${{ steps.base }}", feedback: ${feedback} } }\n`;
  const text = (feedback: string) => spec(HTTP('scale: 1'), BASE + triples(feedback));
  expect(problemsOf(text('{ kind: lexicon }'))).toEqual([]);
  expect(problemsOf(text('"${{ feedback }}"'))[0]).toMatch('needs-lexicon');
  expect(problemsOf(text('{ kind: sum, of: [{ feedback: { kind: lexicon } }] }'))[0]).toMatch(
    'needs-lexicon',
  );
});

test('what a judge may cost is part of the plan, up to its caps', () => {
  const judge = (cap: number) =>
    `{ kind: judge, model: gpt-4o-mini, rubric: Kind or not., range: [1, 5], api-key: "\${{ secrets.KEY }}", spend-cap: ${cap} }`;
  const dollars = (cap: number) =>
    compileText(
      spec(judge(cap), BASE + TUNED.replace('steps: 2', 'steps: 1000'), 'limits: { spend: 1000 }\n'),
    ).total.dollars;
  expect(dollars(3)).toBe(3);
  expect(dollars(1000)).toBeGreaterThan(3);
  expect(problemsOf(spec(judge(3), BASE + TUNED))).toEqual([expect.stringMatching('no-spend-limit')]);
});

describe('code of the team', () => {
  const module = (path: string) => spec(`{ kind: module, file: ${path} }`, BASE + TUNED);
  const codes = async (file: string) =>
    (await compileFile(file, { for: 'check' })).diagnostics.map(({ code }) => code);

  test('lies in the repository of the experiment, links followed', async () => {
    const root = mkdtempSync(join(tmpdir(), 'code-'));
    mkdirSync(join(root, 'repo/specs'), { recursive: true });
    writeFileSync(join(root, 'outside.mjs'), 'export const score = () => [];\n');
    writeFileSync(join(root, 'repo/reward.mjs'), 'export const score = () => [];\n');
    symlinkSync(join(root, 'outside.mjs'), join(root, 'repo/specs/link.mjs'));
    const spec = join(root, 'repo/specs/test.yaml');
    for (const path of ['../../outside.mjs', join(root, 'outside.mjs'), 'link.mjs']) {
      writeFileSync(spec, module(path));
      expect(await codes(spec)).toEqual(['code-outside']);
    }
    writeFileSync(spec, module('../reward.mjs'));
    expect(await codes(spec)).toEqual(['code-outside']);
    mkdirSync(join(root, 'repo/.git'));
    expect(await codes(spec)).toEqual([]);
  });

  test('is the same file at every point: by a matrix it could be any', async () => {
    const root = mkdtempSync(join(tmpdir(), 'code-'));
    mkdirSync(join(root, 'repo'));
    writeFileSync(join(root, 'outside.mjs'), 'export const score = () => [];\n');
    const file = join(root, 'repo/test.yaml');
    const reward = '{ kind: module, file: "${{ matrix.m }}" }';
    const tuned = TUNED.replace('"${{ feedback }}"', reward).replace(
      'uses: rlhf.ppo',
      'uses: rlhf.ppo\n  matrix: { m: [../outside.mjs] }',
    );
    writeFileSync(file, spec('{ kind: lexicon }', BASE + tuned));
    expect(await codes(file)).toEqual(['code-outside']);
  });

  test('counts by its content', async () => {
    const root = mkdtempSync(join(tmpdir(), 'code-'));
    writeFileSync(join(root, 'test.yaml'), module('reward.mjs'));
    const keyWith = async (text: string) => {
      writeFileSync(join(root, 'reward.mjs'), text);
      const { plan } = await compileFile(join(root, 'test.yaml'), { for: 'run' });
      return ready(walk(plan!, giving(OUTPUTS)).entries.tuned!)[0]!.key;
    };
    const one = await keyWith('export const score = () => [1];\n');
    expect(await keyWith('export const score = () => [2];\n')).not.toBe(one);
    expect(await keyWith('export const score = () => [1];\n')).toBe(one);
  });
});
