import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileFile } from '../../cli/compile.ts';
import type { Session } from '../../cli/session.ts';
import { submit } from '../../cli/submit.ts';
import { openStore } from '../../store/open.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/attributes.ts';
import { scratchDirectory } from '../infra/scratch-project.ts';

const SPEC =
  'version: 1\nname: first\nsteps:\n  reviews: { uses: data.reviews-synthetic, with: { count: 9 } }\n';

/** A Temporal of others: which attributes it knows, and what its first answers to a start are. */
function session(known: string[], answers: Error[] = []) {
  const calls: { added: string[]; starts: object[] } = { added: [], starts: [] };
  const client = {
    options: { namespace: 'team' },
    connection: {
      operatorService: {
        listSearchAttributes: async () => ({
          customAttributes: Object.fromEntries(known.map((name) => [name, 2])),
        }),
        addSearchAttributes: async ({ searchAttributes }: { searchAttributes: object }) => {
          calls.added.push(...Object.keys(searchAttributes));
        },
      },
    },
    workflow: {
      getHandle: () => ({
        describe: async () => {
          throw Object.assign(new Error('not found'), { name: 'WorkflowNotFoundError' });
        },
      }),
      start: async (_type: string, options: object) => {
        calls.starts.push(options);
        const answer = answers.shift();
        if (answer) throw answer;
      },
    },
  };
  const store = openStore(join(scratchDirectory(), 'store'));
  return { calls, session: { client, store, embedded: null } as unknown as Session };
}

/** As the client reports what a server refused. */
const refused = (why: string) =>
  Object.assign(new Error('Failed to start Workflow', { cause: new Error(`3 INVALID_ARGUMENT: ${why}`) }), {
    name: 'ServiceError',
  });

async function started(to: Session): Promise<string> {
  const path = join(scratchDirectory(), 'first.yaml');
  writeFileSync(path, SPEC);
  const { plan } = await compileFile(path, { for: 'run' });
  const { runId } = await submit(to, { plan: plan!, spec: { path, text: SPEC }, say: () => undefined });
  return runId;
}

test('a cluster that has just been told of the search attributes may need a moment to know them', async () => {
  const unknown = refused('Namespace team has no mapping defined for search attribute ExperimentName');
  const { calls, session: to } = session(['Team'], [unknown, unknown]);
  const runId = await started(to);
  expect(calls.added.sort()).toEqual(
    Object.keys(SEARCH_ATTRIBUTES)
      .filter((name) => name !== 'Team')
      .sort(),
  );
  expect(calls.starts).toHaveLength(3);
  expect(calls.starts[2]).toMatchObject({ workflowId: runId, taskQueue: 'plumb-workflow' });
});

test('any other refusal is told at once', async () => {
  const { calls, session: to } = session(Object.keys(SEARCH_ATTRIBUTES), [refused('the blob is too large')]);
  await expect(started(to)).rejects.toThrow('Failed to start Workflow');
  expect(calls.added).toEqual([]);
  expect(calls.starts).toHaveLength(1);
});
