import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { run as files } from '../../../activities/kinds/classifier.files.ts';
import { run as hub } from '../../../activities/kinds/classifier.hub.ts';
import { classifierFromModel } from '../../../ml/classifiers/causal-classifier.ts';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { encodeSafetensors, readSafetensors } from '../../../ml/models/safetensors.ts';
import { saveModel } from '../../../ml/models/save.ts';
import { stream } from '../../../ml/random/stream.ts';
import { loadTokenizer, tokenizerFiles } from '../../../ml/tokenizers/load.ts';
import { tinyDirectories } from '../../ml/rlhf/tiny.ts';
import { hubServer } from '../../servers/hub-server.ts';
import { directoryOf, runBody } from '../run-body.ts';

const { model } = tinyDirectories();
const whole = mkdtempSync(join(tmpdir(), 'classifier-'));
const made = classifierFromModel(model, {
  labels: ['NEGATIVE', 'POSITIVE'],
  padId: loadTokenizer(model).padId,
  draws: stream(0, 'head'),
});
saveModel(made, tokenizerFiles(model), whole);
made.dispose();

const read = (directory: string) =>
  runBody('classifier.files', files, { path: { $path: directory, sha256: 'x' } });
const copy = () => {
  const directory = mkdtempSync(join(tmpdir(), 'classifier-'));
  cpSync(whole, directory, { recursive: true });
  return directory;
};

function editConfig(directory: string, change: (config: Record<string, unknown>) => unknown): void {
  const path = join(directory, 'config.json');
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
}

function editWeights(directory: string, change: (tensors: Map<string, Float32Array>) => unknown): void {
  const path = join(directory, 'model.safetensors');
  const stored = readSafetensors(path);
  const tensors = new Map([...stored].map(([name, { data }]) => [name, data as Float32Array]));
  change(tensors);
  const kept = [...tensors].map(
    ([name, data]) => [name, { dtype: 'F32', shape: stored.get(name)!.shape, data }] as const,
  );
  writeFileSync(path, encodeSafetensors(Object.fromEntries(kept)));
}

describe('classifier.files', () => {
  test('a directory becomes an artifact with the same outputs', async () => {
    const result = await read(copy());
    expect(result?.metrics.labels?.value).toBe(2);
    const [ours, theirs] = [
      await loadClassifier(directoryOf(result, 'classifier')),
      await loadClassifier(whole),
    ];
    expect(ours.labels).toEqual(['NEGATIVE', 'POSITIVE']);
    const logits = [ours, theirs].map((classifier) => [...classifier.logits([[3, 4], [5]]).dataSync()]);
    expect(logits[0]).toEqual(logits[1]);
    for (const classifier of [ours, theirs]) classifier.dispose();
  });

  test.each<[string, (directory: string) => void, string]>([
    [
      'a language model',
      (d) => editConfig(d, (c) => ({ ...c, architectures: ['GPTNeoXForCausalLM'] })),
      'architectures is ["GPTNeoXForCausalLM"], not ["GPTNeoXForSequenceClassification"]',
    ],
    [
      'another architecture',
      (d) => editConfig(d, (c) => ({ ...c, model_type: 'mamba' })),
      'classifiers of model_type "mamba" are not supported',
    ],
    [
      'more labels than outputs',
      (d) => editConfig(d, (c) => ({ ...c, id2label: { 0: 'a', 1: 'b', 2: 'c' } })),
      'the tensor score.weight has shape [2,32], but config.json makes it [3,32]',
    ],
    ['no head', (d) => editWeights(d, (t) => t.delete('score.weight')), 'the tensor score.weight is missing'],
    [
      'a NaN',
      (d) => editWeights(d, (t) => t.get('score.weight')?.fill(Number.NaN)),
      "the model's output is not finite",
    ],
    [
      'the tokenizer of another model',
      (d) => editConfig(d, (c) => ({ ...c, vocab_size: 5 })),
      'but config.json makes it [5,32]',
    ],
  ])('%s: refused, saying so', async (_name, damage, message) => {
    const directory = copy();
    damage(directory);
    await expect(read(directory)).rejects.toThrow(message);
    await expect(read(directory)).rejects.toMatchObject({ name: 'ComputeError', code: 'bad-model' });
  });
});

describe('classifier.hub', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('the same artifact as classifier.files makes of the directory', async () => {
    const commit = 'b'.repeat(40);
    const stored = Object.fromEntries(
      readdirSync(whole).map((name) => [name, readFileSync(join(whole, name))]),
    );
    const server = await hubServer([
      { commit, branches: ['main'], lfs: [], type: 'model', id: 'team/judge', files: stored },
    ]);
    vi.stubEnv('HF_ENDPOINT', server.endpoint);
    vi.stubEnv('HF_HUB_CACHE', mkdtempSync(join(tmpdir(), 'plumb-hub-')));
    try {
      const result = await runBody('classifier.hub', hub, { repository: 'team/judge', revision: 'main' });
      expect(result?.outputs.commit).toBe(commit);
      const [ours, theirs] = [
        directoryOf(result, 'classifier'),
        directoryOf(await read(whole), 'classifier'),
      ];
      expect(readdirSync(ours)).toEqual(readdirSync(theirs));
      for (const name of readdirSync(ours))
        expect(readFileSync(join(ours, name)).equals(readFileSync(join(theirs, name))), name).toBe(true);
    } finally {
      server.close();
    }
  });
});
