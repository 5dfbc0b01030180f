import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { exportArtifact } from '../../../cli/commands/artifacts-export.ts';
import { UserError } from '../../../cli/errors.ts';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { loadModel } from '../../../ml/models/load.ts';
import type { DictionaryConfig } from '../../../ml/sae/dictionary.ts';
import { readDictionaryFiles } from '../../../ml/sae/files/read.ts';
import { saveDictionary } from '../../../ml/sae/save.ts';
import { putArtifact } from '../../../store/artifacts.ts';
import { openStore } from '../../../store/open.ts';
import { acceptResult } from '../../../store/results.ts';
import type { ArtifactType, PointRecord } from '../../../store/types.ts';
import { scratchDirectory } from '../../infra/scratch-project.ts';

const TINY = 'test/fixtures/tiny-models/llama';
let folder: string;
let printed = '';
const store = () => openStore(join(folder, '.plumb', 'store'));

beforeEach(() => {
  folder = scratchDirectory();
  printed = '';
  vi.stubEnv('PLUMBLINE_DIRECTORY', join(folder, '.plumb'));
  vi.stubEnv('PLUMBLINE_STORE', join(folder, '.plumb', 'store'));
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed += chunk;
    return true;
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

let made = 0;
/** Accepts a result of this point with one artifact. @returns the artifact's digest */
async function finish(step: string, point: string, type: ArtifactType, fill: (directory: string) => void) {
  const directory = join(folder, `made-${made++}`);
  mkdirSync(directory);
  fill(directory);
  const ref = await putArtifact(store(), type, directory);
  const record: PointRecord = {
    key: String(made).padStart(64, '0'),
    kind: 'lm.train',
    kindVersion: 1,
    params: {},
    seed: null,
    outputs: { [type]: { ...ref } },
    metrics: {},
    run: { id: 'run', experiment: 'e', step, point },
    environment: {},
    usage: {} as PointRecord['usage'],
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: `2026-01-01T00:00:0${made}Z`,
    seconds: 1,
    attempts: 1,
    dollars: 0,
  };
  await acceptResult(store(), record);
  return ref.digest;
}

const model = (note: string) => (directory: string) => {
  cpSync(TINY, directory, { recursive: true });
  writeFileSync(join(directory, 'note.txt'), note);
};

test('a model leaves as a directory that loads, with every file as it was stored', async () => {
  const digest = await finish('tuned', 'tuned[seed=0]', 'model', model('one'));
  for (const [what, directory] of [
    ['tuned', join(folder, 'out', 'by-step')],
    ['tuned[seed=0]', join(folder, 'by-point')],
    [digest.slice(0, 10), join(folder, 'by-digest')],
  ] as const) {
    expect(await exportArtifact(what, directory, { to: 'hf' })).toBe(0);
    expect(readdirSync(directory).sort()).toEqual([...readdirSync(TINY), 'note.txt'].sort());
    for (const file of readdirSync(TINY))
      expect(readFileSync(join(directory, file))).toEqual(readFileSync(join(TINY, file)));
    expect(printed).toContain(`from_pretrained(${JSON.stringify(directory)})`);
  }
  (await loadModel(join(folder, 'by-point'))).dispose();
  expect(readdirSync(folder).filter((name) => name.startsWith('.by'))).toEqual([]);
});

test('a classifier leaves the same way, for its own class of transformers', async () => {
  const judge = 'test/fixtures/tiny-classifiers/gpt_neox';
  await finish('judge', 'judge[seed=0]', 'classifier', (directory) =>
    cpSync(judge, directory, { recursive: true }),
  );
  const directory = join(folder, 'judge');
  await exportArtifact('judge', directory, { to: 'hf' });
  (await loadClassifier(directory)).dispose();
  expect(printed).toContain('transformers.AutoModelForSequenceClassification.from_pretrained');
});

test('a dictionary leaves with the configuration that SAELens reads, and its weights as they were stored', async () => {
  const weights = {
    W_enc: new Float32Array([1, 0, 0, 1, 1, 1]),
    W_dec: new Float32Array([1, 0, 0, 1, 0.6, 0.8]),
    b_enc: new Float32Array([0, 0.1, 0.2]),
    b_dec: new Float32Array([0.5, -0.5]),
    threshold: new Float32Array([0.1, 0.2, 0.3]),
  };
  const config: DictionaryConfig = {
    ...{ variant: 'batch-topk', layer: 2, site: 'mlp_in', width: 2, features: 3 },
    ...{ activation: { type: 'jumprelu' }, subtractsDecoderBias: true, trainingScale: 1, threshold: 0.2 },
    ...{ model: 'm', data: 'd', texts: { total: 0, visited: 0, shuffle: null } },
    ...{ skippedPositions: 1, maxLength: 32, training: {} },
  };
  const save = (step: string, given: DictionaryConfig) =>
    finish(step, step, 'sae', (directory) => saveDictionary(directory, given, weights));
  await save('dictionary', config);
  const directory = join(folder, 'dictionary');
  await exportArtifact('dictionary', directory, { to: 'saelens' });
  expect(printed).toContain(`sae_lens.SAE.load_from_disk(${JSON.stringify(directory)})`);
  expect(JSON.parse(readFileSync(join(directory, 'cfg.json'), 'utf8'))).toMatchObject({
    ...{ architecture: 'jumprelu', d_in: 2, d_sae: 3, apply_b_dec_to_input: true },
    metadata: {
      ...{ sae_lens_version: '6.0.0', hook_name: 'blocks.2.ln2.hook_normalized', context_size: 32 },
      ...{ seqpos_slice: [1, null], training_architecture: 'batch-topk' },
    },
  });
  const read = readDictionaryFiles(directory, {}, null);
  expect(read.weights).toEqual(weights);
  expect(read.config).toMatchObject({ variant: 'batch-topk', layer: 2, site: 'mlp_in', skippedPositions: 1 });

  await save('both', { ...config, variant: 'crosscoder', pair: { reads: 'both', tuned: 't' } });
  const refusal = exportArtifact('both', join(folder, 'both'), { to: 'saelens' });
  await expect(refusal).rejects.toThrow('A crosscoder cannot be exported');
  expect(readdirSync(folder).filter((name) => name.includes('both'))).toEqual([]);
});

test('what cannot be exported is said, and nothing is written', async () => {
  await finish('tuned', 'tuned[seed=0]', 'model', model('one'));
  await finish('tuned', 'tuned[seed=1]', 'model', model('two'));
  await finish('texts', 'texts', 'texts', (directory) => writeFileSync(join(directory, 'a.txt'), 'a'));
  const target = join(folder, 'out');
  const refused = (what: string, directory = target) =>
    exportArtifact(what, directory, { to: 'hf' }).then(
      () => 'exported',
      (error) => error,
    );
  expect((await refused('tuned')).message).toBe('The step tuned has 2 points: tuned[seed=0], tuned[seed=1]');
  expect((await refused('texts')).message).toBe(
    'texts has no model or classifier to export to hf: it made texts (texts).',
  );
  expect(await refused('nothing')).toBeInstanceOf(UserError);
  expect(existsSync(target)).toBe(false);
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), '');
  expect((await refused('tuned[seed=1]')).message).toBe(`${target} is there and not empty.`);
  expect(readdirSync(target)).toEqual(['mine']);
});

test('html: raters get the page, and not the key', async () => {
  await finish('kit', 'kit', 'annotation-kit', (directory) => {
    writeFileSync(join(directory, 'kit.html'), 'page');
    writeFileSync(join(directory, 'items.json'), '{"key":[]}');
  });
  const target = join(folder, 'for-raters');
  expect(await exportArtifact('kit', target, { to: 'html' })).toBe(0);
  expect(readdirSync(target)).toEqual(['kit.html']);
  expect(printed).toContain('for raters, who open');
});
