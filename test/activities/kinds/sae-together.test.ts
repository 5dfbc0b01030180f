import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, test, vi } from 'vitest';
import { run as capture } from '../../../activities/kinds/activations.capture.ts';
import { validateParameters } from '../../../compiler/kinds/validate.ts';
import { computeEnvironment } from '../../../compute/environment.ts';
import { type ChildOutcome, type MemberOptions, superviseGroup } from '../../../compute/supervise.ts';
import type { JobDescription, LocalArtifact } from '../../../compute/types.ts';
import { readSafetensors } from '../../../ml/models/safetensors.ts';
import { writeSafetensorsFile } from '../../../ml/models/safetensors-file.ts';
import { stream } from '../../../ml/random/stream.ts';
import { schemas } from '../../../schemas/generated/schemas.js';
import { sha256 } from '../../../store/digest.ts';
import type { Json } from '../../../store/types.ts';
import { buildChild, temporaryDirectory } from '../../compute/build.ts';
import { directoryOf, runBody } from '../../ml/activations/run-body.ts';
import { modelArtifact, randomTexts, textsArtifact } from '../../ml/activations/small-model.ts';
import { children, until } from '../world.ts';

/** Dictionaries of every variant, each alone and all in one process: the same bytes. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const STEPS = 40;
const BATCH = 64;
const { enum: variants } = (schemas.kinds['sae.train'] as { properties: { variant: { enum: string[] } } })
  .properties.variant;
const CONFIGURATIONS: Record<string, Json>[] = [
  ...variants.map((variant) => ({ variant, k: 4 })),
  // Revives dead features, other sizes, other lengths, other rates.
  { variant: 'topk', k: 2, expansion: 8, auxiliary: { 'dead-after': 100 } },
  { variant: 'standard', l1: 0.5, tokens: (STEPS - 13) * BATCH },
  { variant: 'l1-tied', norm: 'in-graph', 'learning-rate': 0.01 },
];

let entry: string;
let base: Record<string, Json>;
let tuned: Record<string, Json>;
beforeAll(async () => {
  entry = await buildChild();
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  await build({
    absWorkingDir: root,
    entryPoints: ['activities/kinds/sae.train.ts'],
    outfile: join(entry, '..', 'sae.train.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['@tensorflow/*'],
    define: { 'import.meta.url': JSON.stringify(`file://${root}ml/engine/engine.ts`) },
    banner: {
      js: "import { createRequire as __r } from 'node:module'; const require = __r(process.argv[1]);",
    },
    logLevel: 'error',
  });
  const data = textsArtifact(randomTexts(300, stream(1, 'test.texts')), 'a'.repeat(64));
  const model = modelArtifact('b'.repeat(64));
  base = await captured(model, data);
  tuned = await captured(changed(model), data);
});

async function captured(model: object, data: object): Promise<Record<string, Json>> {
  const given = { model, data, layers: [1], sites: ['mlp_in', 'mlp_out'], tokens: 2000, 'max-length': 32 };
  const { params } = validateParameters('activations.capture', given as unknown as Record<string, Json>);
  const { result } = await runBody({ body: capture, params });
  const directory = directoryOf(result, 'activations');
  return { $artifact: 'activations', digest: sha256(directory), directory };
}

/** The model as if it had been tuned. */
function changed(model: ReturnType<typeof modelArtifact>): ReturnType<typeof modelArtifact> {
  const directory = temporaryDirectory('tuned');
  cpSync(model.directory, directory, { recursive: true });
  const file = join(directory, 'model.safetensors');
  const draws = stream(2, 'test.tuning');
  const tensors = [...readSafetensors(file)].map(([name, tensor]) => {
    const data = Float32Array.from(tensor.data, (value) => value + 0.05 * draws.normal());
    return [name, { dtype: 'F32' as const, shape: [...tensor.shape], data }];
  });
  writeSafetensorsFile(file, Object.fromEntries(tensors));
  return { ...model, digest: 'c'.repeat(64), directory };
}

/** Variants that read something else, and so share batches with none of the others. */
function dataOf(variant: unknown): Record<string, Json> {
  if (variant === 'transcoder') return { activations: base };
  const two = variant === 'crosscoder' || variant === 'diff';
  return { activations: base, site: 'mlp_out', ...(two && { tuned }) };
}

interface Member {
  configuration: Record<string, Json>;
  resume?: JobDescription['resume'];
  checkpointEvery?: number;
}

interface Started {
  outcomes: Promise<ChildOutcome>[];
  /** The last checkpoint of each. */
  checkpoints: NonNullable<JobDescription['resume']>[];
  progress: number[];
  directory: string;
}

function start(members: Member[]): Started {
  const directory = temporaryDirectory('together');
  const started: Started = { outcomes: [], checkpoints: [], progress: members.map(() => 0), directory };
  const options = members.map(({ configuration, resume, checkpointEvery }, i): MemberOptions => {
    const workDirectory = join(directory, `work-${i}`);
    mkdirSync(workDirectory);
    const given = {
      ...dataOf(configuration.variant),
      layer: 1,
      expansion: 2,
      tokens: STEPS * BATCH,
      batch: BATCH,
      ...configuration,
    };
    const { params, problems } = validateParameters('sae.train', given as Record<string, Json>);
    expect(problems).toEqual([]);
    return {
      job: {
        ...{
          kind: 'sae.train',
          point: `saes[${i}]`,
          module: join(entry, '..', 'sae.train.js'),
          params,
          seed: 3,
        },
        ...{ workDirectory, durableDirectory: workDirectory, cacheDirectory: workDirectory, threads: 2 },
        ...{ checkpointEvery: checkpointEvery ?? null, segmentUnits: null, resume: resume ?? null },
      },
      stallSeconds: 100,
      graceSeconds: 10,
      signal: new AbortController().signal,
      stopReason: () => 'cancelled',
      onProgress(done) {
        started.progress[i] = done;
      },
      onLog: () => undefined,
      async onCheckpoint(step, from) {
        const kept = join(directory, `kept-${i}-${step}`);
        cpSync(from, kept, { recursive: true });
        started.checkpoints[i] = { step, directory: kept };
      },
    };
  });
  const environment = computeEnvironment({ threads: 2, temporaryDirectory: directory, secrets: {} });
  started.outcomes = superviseGroup({ entry, environment, directory }, options);
  for (const outcome of started.outcomes) outcome.catch(() => undefined);
  return started;
}

/** Every file of every artifact, and the metrics. */
async function resultsOf({ outcomes }: Started) {
  const ended = await Promise.all(outcomes);
  return ended.map((outcome) => {
    if (outcome.type !== 'result') throw new Error(`ended with ${JSON.stringify(outcome)}`);
    const { outputs, metrics } = outcome.result;
    const files = Object.entries(outputs).flatMap(([name, output]) => {
      const { directory } = output as LocalArtifact;
      return readdirSync(directory)
        .sort()
        .map((file) => [`${name}/${file}`, readFileSync(join(directory, file), 'base64')]);
    });
    return { files: Object.fromEntries(files), metrics };
  });
}

let alone: Awaited<ReturnType<typeof resultsOf>>;

test('in one process they have the bytes that each has alone', async () => {
  alone = [];
  for (const configuration of CONFIGURATIONS) alone.push(...(await resultsOf(start([{ configuration }]))));
  const together = await resultsOf(start(CONFIGURATIONS.map((configuration) => ({ configuration }))));
  for (const [i, configuration] of CONFIGURATIONS.entries())
    expect(together[i], JSON.stringify(configuration)).toEqual(alone[i]);
  // They are different dictionaries, so that equal bytes say something.
  expect(new Set(alone.map(({ files }) => files['sae/sae_weights.safetensors'])).size).toBe(
    CONFIGURATIONS.length,
  );
});

test('killed, they go on from checkpoints at different steps to the same bytes', async () => {
  const members = CONFIGURATIONS.map((configuration, i) => ({ configuration, checkpointEvery: 3 + i }));
  const killed = start(members);
  await until(() => Math.min(...killed.progress) >= 20, 'half of the steps');
  expect(Math.max(...killed.progress)).toBeLessThan(STEPS);
  for (const pid of children(entry, killed.directory)) process.kill(pid, 'SIGKILL');
  for (const outcome of killed.outcomes) await expect(outcome).rejects.toMatchObject({ code: 'lost-child' });
  expect(new Set(killed.checkpoints.map(({ step }) => step)).size).toBeGreaterThan(3);
  const again = members.map((member, i) => ({ ...member, resume: killed.checkpoints[i] ?? null }));
  const resumed = await resultsOf(start(again));
  for (const [i, configuration] of CONFIGURATIONS.entries())
    expect(resumed[i], JSON.stringify(configuration)).toEqual(alone[i]);
});
