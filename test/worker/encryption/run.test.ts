import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keysFromEnvironment } from '../../../worker/encryption/keys.ts';
import { failure, Laboratory } from '../../workflows/support/laboratory.ts';
import { axis, matrix, plan, ref, step } from '../../workflows/support/plans.ts';

const CANARY = 'canary-of-our-experiment';
const keys = keysFromEnvironment({
  PLUMBLINE_PAYLOAD_KEYS: `now=${Buffer.alloc(32, 7).toString('base64')}`,
})!;

let lab: Laboratory;
beforeAll(async () => {
  lab = await Laboratory.open({ keys });
});
afterAll(() => lab.close());

/** Whether any file below holds the text; SQLite's write-ahead log is one of them. */
function holds(directory: string, text: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

test('of an encrypted run with failures and large values nothing can be read in the database', async () => {
  // Above 256 KiB: it goes through the store.
  const long = `${CANARY} `.repeat(20_000);
  const steps = [
    step('sweep', { matrix: matrix(5), params: { i: axis('i'), text: CANARY } }),
    step('large', { needs: ['sweep'], params: { all: ref('sweep'), text: long } }),
    step('bad', { needs: ['sweep'], params: { text: CANARY } }),
  ];
  lab.behaviour = ({ point }) => {
    if (point.id === 'bad') throw failure('bad-data', `${CANARY} in a message`, { hint: CANARY });
    return { outputs: { value: `${CANARY} ${point.id}` } };
  };
  const run = await lab.start('encrypted', plan('encrypted', steps, { description: CANARY }));
  const error = (await run.result().then(
    () => expect.fail('the run must fail'),
    (caught: unknown) => caught,
  )) as WorkflowFailedError;

  // With the keys all is there, the failure's message too.
  expect(JSON.stringify((error.cause as ApplicationFailure).details)).toContain(`${CANARY} in a message`);
  const history = await run.fetchHistory();
  expect(history.events!.length).toBeGreaterThan(20);
  expect(Buffer.from(JSON.stringify(history)).includes(CANARY)).toBe(false);
  const payloads = JSON.stringify(history.events, (_key, value: unknown) =>
    value instanceof Uint8Array || (value as { type?: string } | null)?.type === 'Buffer'
      ? Buffer.from(value as Uint8Array).toString()
      : value,
  );
  expect(payloads).not.toContain(CANARY);
  expect(payloads).toContain('Encoded failure');
  expect(holds(lab.directory, CANARY)).toEqual([]);
  // It would have been found: the workflow's id is no secret.
  expect(holds(lab.directory, 'encrypted').length).toBeGreaterThan(0);
}, 60_000);
