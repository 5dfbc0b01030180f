import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkResult, parseChildMessage, parseParentMessage } from '../../compute/protocol.ts';
import { ComputeError } from '../../compute/types.ts';
import { PATIENCE, runs } from './effort.ts';
import { mutatedJson } from './mutations.ts';

const MESSAGES: Record<string, unknown>[] = [
  { type: 'started', environment: { node: '20' } },
  { type: 'progress', member: 0, done: 1, total: 2, metrics: { loss: 1 } },
  { type: 'log', member: 0, message: 'line' },
  { type: 'checkpoint', member: 0, step: 1, directory: '/w/checkpoint', seconds: 1 },
  { type: 'result', member: 0, result: { outputs: {}, metrics: {} }, environment: {}, usage: { seconds: 1 } },
  { type: 'failure', member: 0, code: 'bad-data', message: 'no', retryable: false },
];

/** What the structured clone of IPC can carry beyond JSON. */
const cloned = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
});

/** Taken as it is, or one error that is ours and readable. */
function mustHold(parse: (raw: unknown) => unknown, raw: unknown): void {
  let error: unknown;
  try {
    expect(parse(raw)).toBe(raw);
  } catch (caught) {
    error = caught;
  }
  if (error === undefined) return;
  expect(error).toBeInstanceOf(ComputeError);
  const { code, message } = error as ComputeError;
  expect(code).toBe('internal');
  expect(message.length).toBeLessThan(600);
}

test(
  'anything at all as a message',
  () => {
    fc.assert(
      fc.property(cloned, (raw) => {
        mustHold(parseChildMessage, raw);
        mustHold(parseParentMessage, raw);
      }),
      runs(1000),
    );
  },
  PATIENCE,
);

test(
  'messages with any value in any field',
  () => {
    const message = fc
      .tuple(fc.constantFrom(...MESSAGES), fc.nat(5), cloned)
      .map(([message, index, value]) => {
        const names = Object.keys(message);
        return { ...message, [names[index % names.length] as string]: value };
      });
    fc.assert(
      fc.property(message, (raw) => mustHold(parseChildMessage, raw)),
      runs(1500),
    );
  },
  PATIENCE,
);

test(
  'results with some values changed are kept only when JSON keeps them',
  () => {
    const job = { kind: 'test.work', workDirectory: '/work/attempt' };
    const result = {
      outputs: { model: { $local: 'model', directory: '/work/attempt/model' }, table: [1, 'a', { b: null }] },
      metrics: { loss: { value: 1, ci_low: 0.5 } },
      dollars: 0.5,
    };
    fc.assert(
      fc.property(fc.oneof(mutatedJson(result), cloned), (changed) => {
        let error: unknown;
        try {
          checkResult(changed as never, job);
        } catch (caught) {
          error = caught;
        }
        if (error !== undefined) expect(error).toBeInstanceOf(ComputeError);
        else expect(() => JSON.stringify(changed)).not.toThrow();
      }),
      runs(1000),
    );
  },
  PATIENCE,
);

test.each([
  '/work/attempt',
  '/work/attempt/..',
  '/work/attempt/../other',
  '/work',
  '/etc',
  '/work/attempt2',
  '',
])('an artifact in %j does not leave the work directory', (directory) => {
  const result = { outputs: { model: { $local: 'model', directory } }, metrics: {} };
  expect(() => checkResult(result as never, { kind: 'k', workDirectory: '/work/attempt' })).toThrow(
    /lies outside/,
  );
});

test('a value that holds itself is refused, not followed', () => {
  const loop: Record<string, unknown> = {};
  loop.loop = loop;
  const result = { outputs: { table: loop }, metrics: {} };
  expect(() => checkResult(result as never, { kind: 'k', workDirectory: '/w' })).toThrow(
    /nested more than 100/,
  );
  mustHold(parseChildMessage, loop);
});
