import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, expect, test } from 'vitest';
import { bundleOf, workflowBundle } from './support/bundle.ts';

const HISTORIES = fileURLToPath(new URL('../histories', import.meta.url));
const files = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));
const read = (name: string): unknown => JSON.parse(readFileSync(join(HISTORIES, name), 'utf8'));

let bundle: string;
beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
  });
  bundle = await workflowBundle();
});

/** Ids of children are made from the workflow's own, so it must be the recorded one. */
async function replay(codePath: string, history: unknown): Promise<void> {
  const { workflowId } = historyFromJSON(history).events![0]!.workflowExecutionStartedEventAttributes!;
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, workflowId!);
}

test('there are histories of every workflow', () => {
  expect(files.map((name) => name.split('-')[0]!.split('.')[0])).toEqual(
    expect.arrayContaining(['experiment', 'search', 'sweep', 'training']),
  );
});

test.each(files)('%s replays', async (name) => {
  await replay(bundle, read(name));
});

test('code that does something else does not replay', async () => {
  const entry = fileURLToPath(new URL('support/broken.ts', import.meta.url));
  const broken = await bundleOf(entry, `broken-${bundle.slice(-16)}`);
  await expect(replay(broken, read('experiment-failures.1.json'))).rejects.toBeInstanceOf(
    DeterminismViolationError,
  );
});

test('a history whose activity has another type does not replay', async () => {
  const text = readFileSync(join(HISTORIES, 'training.1.json'), 'utf8');
  expect(text).toContain('"test.train"');
  const changed = JSON.parse(
    text
      .replaceAll('"activityType":{"name":"test.train"}', '"activityType":{"name":"other"}')
      .replaceAll(/"name":\s*"test\.train"/g, '"name": "other"'),
  );
  await expect(replay(bundle, changed)).rejects.toBeInstanceOf(DeterminismViolationError);
});

// With two copies of protobufjs, histories in JSON cannot be read: `TypeError: type must be a Type`.
test('all of Temporal uses one copy of protobufjs', () => {
  const require = createRequire(import.meta.url);
  const copies = ['common', 'client', 'worker', 'proto', 'testing'].map((name) =>
    createRequire(require.resolve(`@temporalio/${name}`)).resolve('protobufjs'),
  );
  expect(new Set(copies).size).toBe(1);
  expect(historyFromJSON(read('training.1.json')).events?.length).toBeGreaterThan(10);
});
