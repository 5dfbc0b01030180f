import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { run } from '../../../activities/kinds/probe.recovery.ts';
import { kind } from '../../../compiler/kinds/probe.recovery.ts';
import type { Plan } from '../../../compiler/plan/types.ts';
import type { BodyResult } from '../../../compute/types.ts';
import { renderSvg } from '../../../report/figures/render.ts';
import { type ReportPoint, ReportRun } from '../../../report/run.ts';
import { recoverySection } from '../../../report/sections/recovery.ts';
import type { Table } from '../../../store/table.ts';
import type { PointRecord } from '../../../store/types.ts';
import { syntheticProbe } from '../../ml/probes/probe-files.ts';
import { syntheticProbeData } from '../../ml/probes/synthetic.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const scratch = mkdtempSync(join(tmpdir(), 'plumb-recovery-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const data = { seed: 1, words: 20, rowsPerWord: 1, features: 15, signal: 0, wordNoise: 1, folds: 3 };
const words = [...syntheticProbeData(data).values.keys()].sort();

function probes() {
  return (['tuned', 'base'] as const).map((role, model) => {
    const directory = mkdtempSync(join(scratch, 'probe-'));
    const probe = syntheticProbe({ role, data: { ...data, model }, shuffles: 19 });
    writeFileSync(join(directory, 'probe.json'), JSON.stringify(probe));
    return materialised('probe', directory);
  });
}

/** A list of every other word, with the values of the generator. */
function given() {
  const path = join(scratch, 'given.tsv');
  writeFileSync(
    path,
    words
      .filter((_, i) => i % 2 === 0)
      .map((word) => `${word}\t1\n`)
      .join(''),
  );
  return {
    kind: 'lexicon',
    file: { $path: path, sha256: '0'.repeat(64) },
    scale: 0.2,
    clip: 10,
    scored: 'completion',
  };
}

const recovered = async (params: Record<string, unknown>) =>
  (await runBody('probe.recovery', run, {
    probes: probes(),
    replicates: 100,
    level: 0.95,
    ...params,
  } as Parameters<typeof runBody>[2])) as BodyResult;

const tableOf = (result: BodyResult, output: string): Table =>
  JSON.parse(readFileSync(join(directoryOf(result, output), 'table.json'), 'utf8')) as Table;

test('its tables and metrics are those that the kind declares, and the report shows them', async () => {
  const result = await recovered({ given: given() });
  const names = Object.keys(result.metrics);
  expect(names.filter((name) => !(name in kind.metrics))).toEqual([]);
  expect(names).toEqual(['auc_gap', 'auc_tuned', 'auc_base', 'found', 'seeds', 'words', 'words_rewarded']);
  expect(result.metrics.words_rewarded?.value).toBe(20);
  expect(result.metrics.auc_gap?.n_unit).toBe('word family');
  expect(tableOf(result, 'table').rows).toHaveLength(3);
  expect(tableOf(result, 'seeds').rows).toMatchObject([{ seed: 1, found: 'no', published: null }]);
  const listed = tableOf(result, 'words').rows;
  expect(listed.map(({ word }) => word).sort()).toEqual(words);
  const added = listed.map(({ gap }) => gap as number);
  expect(added).toEqual([...added].sort((a, b) => b - a));

  const directories = Object.fromEntries(
    ['table', 'seeds', 'words'].map((output) => [output, directoryOf(result, output)]),
  );
  const record = { metrics: result.metrics } as PointRecord;
  const point = {
    step: 'recovery',
    id: 'recovery',
    kind: 'probe.recovery',
    status: 'accepted',
    axes: {},
    seed: null,
  };
  const section = recoverySection(
    new ReportRun('run', {} as Plan, [{ ...point, record, directories } as ReportPoint]),
  );
  const figure = section?.blocks.find((block) => block.type === 'figure');
  expect(figure?.id).toBe('recovery');
  expect(await renderSvg(figure?.type === 'figure' ? figure.spec : {})).toContain('control: before tuning');
  expect(section?.blocks.flatMap((block) => (block.type === 'table' ? block.table.id : []))).toEqual(
    expect.arrayContaining(['recovery', 'recovery-seeds', 'recovery-words']),
  );
});

test('where no word was rewarded there is no AUC, and the claims are counted', async () => {
  const { metrics, ...result } = await recovered({});
  expect(Object.keys(metrics)).toEqual(['found', 'seeds', 'words', 'words_rewarded']);
  expect(metrics.words_rewarded?.value).toBe(0);
  expect(tableOf({ metrics, ...result }, 'table').rows).toEqual([]);
});
