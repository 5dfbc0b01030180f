import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import { expandStep } from '../../compiler/plan/expand.ts';
import { BASE, compileText, experiment, planOf, problemsOf, REVIEWS, stepOf } from './compiling.ts';

test('the quickstart compiles, whole', () => {
  const { plan, diagnostics, total } = compile(
    'specs/quickstart.yaml',
    readFileSync('specs/quickstart.yaml'),
  );
  expect(diagnostics).toEqual([]);
  expect(plan!.steps.at(-1)!.id).toBe('report');
  const written = readFileSync('specs/quickstart.yaml', 'utf8').match(
    /^ {2}[\w-]+:\n? *(?:\{ )?uses:|^ {2}[\w-]+:\n {4}uses:/gm,
  )!;
  expect(plan!.steps).toHaveLength(written.length);
  expect(total.seconds).toBeGreaterThan(0);
});

test('what workflows import needs nothing of Node', async () => {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: ['expand', 'evaluate', 'verdict', 'key', 'reader-key', 'diff']
        .map((name) => `export * from './compiler/plan/${name}.ts';`)
        .join('\n'),
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    write: false,
    metafile: true,
    platform: 'neutral',
    format: 'esm',
    mainFields: ['module', 'main'],
  });
  expect(outputFiles[0]!.text).not.toMatch(/\brequire\(|\bprocess\.|\bBuffer\b/);
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap(
      (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
    ),
  );
  expect([...packages]).toEqual(['@noble/hashes']);
});

describe('inputs', () => {
  const text = experiment(
    'a: { uses: data.reviews-synthetic, with: { count: "${{ inputs.n * 2 }}", scatter: "${{ inputs.x }}" }, timeout: "${{ inputs.hours }}h" }\n',
    'inputs: { n: { type: integer, default: 3, minimum: 1 }, x: { type: number, default: 1 }, hours: { type: integer, default: 2 }, seeds: { type: integer, default: 1 } }\nseeds: "${{ range(inputs.seeds) }}"\n',
  );
  const params = (set: Record<string, string>) => {
    const plan = planOf(text, { set });
    const [entry] = expandStep(plan, plan.steps[0]!, {});
    return entry!.status === 'ready' ? entry!.point.params : entry;
  };

  test('are typed, and changed by --set', () => {
    expect(params({})).toMatchObject({ count: 6, scatter: 1 });
    expect(params({ n: '10', x: '0.25' })).toMatchObject({ count: 20, scatter: 0.25 });
    expect(planOf(text, { set: { n: '10' } }).inputs).toEqual({ n: 10, x: 1, hours: 2, seeds: 1 });
  });

  test('shape the plan where only they may', () => {
    const plan = planOf(text, { set: { hours: '5', seeds: '3' } });
    expect(plan.steps[0]!.timeoutSeconds).toBe(5 * 3600);
    expect(plan.seeds).toEqual([0, 1, 2]);
  });

  test.each([
    [{ n: 'three' }, 'bad-input'],
    [{ n: '2.5' }, 'bad-input'],
    [{ n: '0' }, 'bad-input'],
    [{ n: '' }, 'bad-input'],
    [{ m: '1' }, 'unknown-input'],
  ])('%j is refused', (set, code) => {
    expect(problemsOf(text, { set })[0]).toMatch(code);
  });

  test('without a value are an error for a run, and unknown for a check', () => {
    const open = experiment(
      'a: { uses: data.reviews-synthetic, with: { count: "${{ inputs.n }}" } }\n',
      'inputs: { n: { type: integer } }\n',
    );
    expect(problemsOf(open)[0]).toMatch('missing-input');
    expect(problemsOf(open, { requireInputs: false })).toEqual([]);
    const wrong = open.replace('type: integer', 'type: string');
    expect(problemsOf(wrong, { requireInputs: false })[0]).toMatch('type-mismatch');
  });

  test('a changed default and a value set are the same plan', () => {
    const other = text.replace('default: 3', 'default: 4');
    expect(planOf(other).digest).toBe(planOf(text, { set: { n: '4' } }).digest);
  });
});

test('on-failure and concurrency of a step become its limits', () => {
  const plan = planOf(
    experiment(
      `a: { uses: data.reviews-synthetic, on-failure: stop, concurrency: 2 }
b: { uses: data.reviews-synthetic, on-failure: "\${{ inputs.most }}" }
c: { uses: data.reviews-synthetic, on-failure: continue }
`,
      'inputs: { most: { type: integer, default: 3 } }\n',
    ),
  );
  expect(stepOf(plan, 'a')).toMatchObject({ failureLimit: 1, concurrency: 2 });
  expect(stepOf(plan, 'b').failureLimit).toBe(3);
  expect(stepOf(plan, 'b')).not.toHaveProperty('concurrency');
  expect(stepOf(plan, 'c')).not.toHaveProperty('failureLimit');
  const wrong = experiment('a: { uses: data.reviews-synthetic, on-failure: 0, concurrency: 501 }\n');
  expect(problemsOf(wrong)).toHaveLength(2);
});

describe('presets and bases', () => {
  const presets = `presets:
  small: { with: { count: 10, scatter: 0.1 }, retry: { attempts: 2 } }
  slow: { preset: small, timeout: 9h, with: { count: 20 } }
`;

  test('a step starts from its presets, and its own fields win', () => {
    const plan = planOf(
      experiment(
        'a: { uses: data.reviews-synthetic, preset: slow, with: { scatter: 0.5 } }\nb: { uses: data.reviews-synthetic, preset: [slow, small] }\n',
        presets,
      ),
    );
    expect(stepOf(plan, 'a')).toMatchObject({
      params: { count: 20, scatter: 0.5 },
      timeoutSeconds: 32_400,
      retry: { attempts: 2 },
    });
    expect(stepOf(plan, 'b').params).toMatchObject({ count: 10, scatter: 0.1 });
  });

  const files: Record<string, string> = {
    'specs/base.yaml': `version: 1\nname: base\nseeds: [1, 2]\nfeedback: { kind: lexicon }\nsteps:\n  a: { uses: data.reviews-synthetic, with: { count: 10 }, timeout: 1h }\n  b: { uses: data.reviews-synthetic }\n`,
    'specs/inner/mid.yaml': 'extends: ../base.yaml\nsteps:\n  a: { with: { scatter: 0.5 } }\n',
  };
  const read = (path: string) => (files[path] === undefined ? null : new TextEncoder().encode(files[path]));

  test('a file is laid over those that it extends; null removes', () => {
    const text =
      'name: test\nextends: inner/mid.yaml\nseeds: [7]\nsteps:\n  a: { with: { count: 20 }, timeout: null }\n  b: null\n  c: { uses: report }\n';
    const plan = planOf(text, { read });
    expect(plan.seeds).toEqual([7]);
    expect(plan.steps.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(stepOf(plan, 'a')).toMatchObject({ params: { count: 20, scatter: 0.5 }, timeoutSeconds: 3600 });
  });

  test('what is wrong in a base is reported there', () => {
    const { diagnostics } = compileText(
      'name: test\nextends: inner/mid.yaml\nsteps: { a: { with: { count: none } } }\n',
      {
        read: (path) =>
          path.endsWith('base.yaml')
            ? new TextEncoder().encode(files[path]!.replace('1h', '1 hour'))
            : read(path),
      },
    );
    expect(diagnostics.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'specs/base.yaml:6',
      'specs/test.yaml:3',
    ]);
  });
});

describe('anchors', () => {
  test('merge keys lay maps beneath, earlier ones first', () => {
    const plan = planOf(
      `version: 1\nname: test\npresets:\n  one: &one { with: &with { count: 10, scatter: 0.1 } }\nsteps:\n  a: { uses: data.reviews-synthetic, with: { <<: *with, count: 20 } }\n  b: { uses: data.reviews-synthetic, <<: *one }\n  c: { uses: data.reviews-synthetic, with: { <<: [{ count: 1 }, *with] } }\n`,
    );
    expect(stepOf(plan, 'a').params).toMatchObject({ count: 20, scatter: 0.1 });
    expect(stepOf(plan, 'b').params).toMatchObject({ count: 10, scatter: 0.1 });
    expect(stepOf(plan, 'c').params).toMatchObject({ count: 1, scatter: 0.1 });
  });

  test('on, off, yes and no are text', () => {
    expect(problemsOf(experiment('a: { uses: data.files, with: { path: x, text-field: on } }\n'))).toEqual(
      [],
    );
  });
});

describe('local files', () => {
  const text = experiment(
    'a: { uses: data.files, with: { path: data/one.jsonl } }\nb: { uses: data.files, matrix: { file: [one, two] }, with: { path: "data/${{ matrix.file }}.jsonl" } }\n',
  );
  const fingerprint = (content: string) => (path: string) => ({
    path: `/root/${path}`,
    sha256: content.repeat(64),
  });
  const keys = (plan: ReturnType<typeof planOf>) =>
    plan.steps.flatMap((step) =>
      expandStep(plan, step, {}).map((entry) => (entry.status === 'ready' ? entry.point.key : entry.status)),
    );

  test('count by their content, relative to the experiment file', () => {
    const plan = planOf(text, { fingerprint: fingerprint('a') });
    expect(plan.paths).toEqual({
      'data/one.jsonl': { path: '/root/specs/data/one.jsonl', sha256: 'a'.repeat(64) },
      'data/two.jsonl': { path: '/root/specs/data/two.jsonl', sha256: 'a'.repeat(64) },
    });
    const moved = planOf(text, {
      fingerprint: (path) => ({ path: `/elsewhere/${path}`, sha256: 'a'.repeat(64) }),
    });
    expect(moved.digest).toBe(plan.digest);
    expect(keys(moved)).toEqual(keys(plan));
    const edited = planOf(text, { fingerprint: fingerprint('b') });
    expect(edited.digest).not.toBe(plan.digest);
    expect(keys(edited)).not.toContain(keys(plan)[0]);
  });

  test('given by --set are relative to the working directory', () => {
    const input = experiment(
      'a: { uses: data.files, with: { path: "${{ inputs.file }}" } }\n',
      'inputs: { file: { type: path, default: data/one.jsonl } }\n',
    );
    const seen: string[] = [];
    const record = (path: string) => {
      seen.push(path);
      return { path: `/root/${path}`, sha256: 'a'.repeat(64) };
    };
    planOf(input, { fingerprint: record });
    planOf(input, { fingerprint: record, set: { file: 'here.jsonl' } });
    planOf(input, { fingerprint: record, set: { file: '/abs/there.jsonl' } });
    expect(seen).toEqual(['specs/data/one.jsonl', 'here.jsonl', '/abs/there.jsonl']);
  });
});

describe('parameters', () => {
  test('defaults are filled in, also inside maps, so that writing one out changes nothing', () => {
    const short = planOf(experiment(BASE));
    const long = planOf(
      experiment(
        BASE.replace('heads: 2 }', 'heads: 2, rotary-fraction: 0.25 }').replace(
          'data:',
          'context: 128\n    data:',
        ),
      ),
    );
    expect(stepOf(long, 'base').params).toEqual(stepOf(short, 'base').params);
    expect(long.digest).toBe(short.digest);
  });

  test('a metric becomes its number, a single artifact a list of one', () => {
    const plan = planOf(
      experiment(`${BASE}acts: { uses: activations.capture, with: { model: "\${{ steps.base }}", data: "\${{ steps.reviews }}", layers: "\${{ range(2) }}" } }
saes: { uses: sae.train, matrix: { layer: [0, 1] }, with: { activations: "\${{ steps.acts }}", layer: "\${{ matrix.layer }}", variant: topk } }
one: { uses: features.explain, with: { dictionaries: "\${{ steps.saes[1] }}", model: "\${{ steps.base }}", data: "\${{ steps.reviews }}", labeller: { type: lexicon, feedback: "\${{ feedback }}" } } }
two: { uses: data.reviews-synthetic, with: { scatter: "\${{ steps.base.metrics.held_out_loss }}" } }
`),
    );
    expect(stepOf(plan, 'one').params.dictionaries).toMatchObject({
      $expr: { op: 'call', function: '$list' },
    });
    expect(stepOf(plan, 'two').params.scatter).toMatchObject({ $expr: { op: 'member', name: 'value' } });
  });

  test('secrets travel as names, and are named by the step', () => {
    const plan = planOf(
      experiment(
        `${BASE}acts: { uses: activations.capture, with: { model: "\${{ steps.base }}", data: "\${{ steps.reviews }}", layers: [0] } }
sae: { uses: sae.train, with: { activations: "\${{ steps.acts }}", layer: 0, variant: topk } }
one:
  uses: features.explain
  with:
    dictionaries: \${{ steps.sae }}
    model: \${{ steps.base }}
    data: \${{ steps.reviews }}
    labeller: { type: openai, model: some-model, api-key: "\${{ secrets.MY_KEY }}", spend-cap: 1 }
`,
        'limits: { spend: 100 }\n',
      ),
    );
    expect(stepOf(plan, 'one').secrets).toEqual(['MY_KEY']);
    expect(stepOf(plan, 'one').params).toMatchObject({ labeller: { 'api-key': { $secret: 'MY_KEY' } } });
  });
});

describe('warnings', () => {
  test('do not stop a plan', () => {
    const { plan, diagnostics } = compileText(experiment(REVIEWS), { machine: { memoryBytes: 1000 } });
    expect(diagnostics).toMatchObject([{ code: 'over-memory', severity: 'warning' }]);
    expect(plan).not.toBeNull();
  });
});

test('the report needs every other step, also those that nothing refers to', () => {
  const plan = planOf(
    experiment(
      `${BASE}report: { uses: report }\nlone: { uses: data.reviews-synthetic, with: { count: 5 } }\n`,
    ),
  );
  expect(stepOf(plan, 'report').needs).toEqual(['base', 'lone', 'reviews']);
  expect(plan.steps.at(-1)!.id).toBe('report');
});

test('checkpoints are written every so many units, or every so much time', () => {
  const step = (checkpoint: string) =>
    stepOf(
      planOf(
        experiment(`${BASE}  checkpoint: ${checkpoint}\n`, 'inputs: { n: { type: integer, default: 7 } }\n'),
      ),
      'base',
    );
  expect(step('{ every: 50, keep: 3 }')).toMatchObject({ checkpointEvery: 50, checkpointKeep: 3 });
  expect(step('{ every: 1h30m }')).toMatchObject({ checkpointSeconds: 5400 });
  expect(step('{ every: "${{ inputs.n }}m" }')).toMatchObject({ checkpointSeconds: 420 });
  expect(step('{ every: "${{ inputs.n }}" }')).toMatchObject({ checkpointEvery: 7 });
  expect(Object.keys(step('{ segment: 10 }')).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
  expect(problemsOf(experiment(`${BASE}  checkpoint: { every: often, keep: 0 }\n`))).toHaveLength(2);
});
