import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportArtifact } from '../../cli/commands/artifacts-export.ts';
import { startEngine, tensorflow } from '../../ml/engine/engine.ts';
import { loadModel } from '../../ml/models/load.ts';
import { saveModel } from '../../ml/models/save.ts';
import type { LanguageModel } from '../../ml/models/types.ts';
import { putArtifact } from '../../store/artifacts.ts';
import { openStore } from '../../store/open.ts';
import { acceptResult } from '../../store/results.ts';
import type { PointRecord } from '../../store/types.ts';

/** Beside the checkout, where it is there: a model of real size with its tokenizer. */
const REAL = '../shared/models/reviews-neox';

/**
 * Takes every model through a step's way (load, save, store) and out by `plumb artifacts export --to hf`, some in shards.
 * Writes DIRECTORY/<name>, and DIRECTORY/expected.json: by name, token ids and the logits that we compute.
 */
export async function prepare(root: string, directory: string): Promise<void> {
  await startEngine();
  process.env.PLUMBLINE_DIRECTORY = join(directory, '.plumb');
  process.env.PLUMBLINE_STORE = join(directory, '.plumb', 'store');
  const tiny = join(root, 'test/fixtures/tiny-models');
  const sources = readdirSync(tiny, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ name, path: join(tiny, name) }));
  if (existsSync(join(root, REAL))) sources.push({ name: 'reviews-neox', path: join(root, REAL) });
  const expected: Record<string, { ids: number[][]; logits: number[][][] }> = {};
  for (const { name, path } of sources) {
    for (const [variant, shardBytes] of [
      [name, 1e9],
      [`${name} in shards`, 15_000],
    ] as const) {
      if (shardBytes < 1e9 && !path.startsWith(tiny)) continue;
      const model = await loadModel(path);
      await exportOne(model, variant, directory, shardBytes);
      expected[variant] = logitsOf(model);
      model.dispose();
    }
  }
  writeFileSync(join(directory, 'expected.json'), JSON.stringify(expected));
}

async function exportOne(model: LanguageModel, name: string, directory: string, shardBytes: number) {
  const store = openStore(join(directory, '.plumb', 'store'));
  const saved = join(directory, '.saved', name);
  mkdirSync(saved, { recursive: true });
  saveModel(model, [], saved, { shardBytes });
  const artifact = await putArtifact(store, 'model', saved, { consume: true });
  const record: PointRecord = {
    key: Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64),
    kind: 'model.files',
    kindVersion: 1,
    params: {},
    seed: null,
    outputs: { model: { ...artifact } },
    metrics: {},
    run: { id: 'peers', experiment: 'peers', step: name, point: name },
    environment: {},
    usage: {} as PointRecord['usage'],
    startedAt: '2000-01-01T00:00:00Z',
    finishedAt: '2000-01-01T00:00:00Z',
    seconds: 0,
    attempts: 1,
    dollars: 0,
  };
  await acceptResult(store, record);
  await exportArtifact(name, join(directory, name), { to: 'hf' });
}

function logitsOf(model: LanguageModel): { ids: number[][]; logits: number[][][] } {
  const ids = [3, 8].map((step) =>
    Array.from({ length: 16 }, (_, i) => (5 + step * i * i) % model.vocabulary),
  );
  const tf = tensorflow();
  const logits = tf.tidy(() =>
    model
      .unembed(model.forward(tf.tensor2d(ids, undefined, 'int32')))
      .slice([0, 12, 0])
      .arraySync(),
  );
  return { ids, logits: logits as number[][][] };
}
