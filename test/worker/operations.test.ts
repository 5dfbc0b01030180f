import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../../worker/embedded/ports.ts';
import { jsonLogger } from '../../worker/json-log.ts';
import { healthPortFrom, Operations } from '../../worker/operations.ts';
import { parseQueues, slotsOf } from '../../worker/slots.ts';

const open: { close(): unknown }[] = [];
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())));

async function operationsAt(port: number): Promise<Operations> {
  const operations = await Operations.open({ port, chosen: true });
  open.push(operations);
  return operations;
}

const ask = async (port: number, path: string, method = 'GET') => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return [answer.status, await answer.text()];
};

test('a worker lives before it is connected, and is ready when its host is', async () => {
  const port = await freePort([]);
  const operations = await operationsAt(port);
  expect(await ask(port, '/healthz')).toEqual([200, 'ok\n']);
  expect(await ask(port, '/readyz')).toEqual([503, 'it connects to Temporal\n']);
  expect(await ask(port, '/metrics')).toEqual([503, 'There are no metrics yet.\n']);
  let why: string | null = 'the store does not answer';
  operations.attach({ notReady: async () => why });
  expect(await ask(port, '/readyz')).toEqual([503, 'the store does not answer\n']);
  why = null;
  expect(await ask(port, '/readyz?verbose')).toEqual([200, 'ok\n']);
  expect(await ask(port, '/healthz', 'POST')).toEqual([405, 'GET only\n']);
  expect((await ask(port, '/../etc/passwd'))[0]).toBe(404);
});

test('a port that was asked for must be had; the usual one need not', async () => {
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as { port: number };
  await expect(Operations.open({ port, chosen: true })).rejects.toThrow(/PLUMBLINE_HEALTH_PORT is taken/);
  const without = await Operations.open({ port, chosen: false });
  expect(without.metricsAddress).toBeNull();
});

test('the port by the environment', () => {
  expect(healthPortFrom({})).toEqual({ port: 9090, chosen: false });
  expect(healthPortFrom({ PLUMBLINE_HEALTH_PORT: '8081' })).toEqual({ port: 8081, chosen: true });
  expect(healthPortFrom({ PLUMBLINE_HEALTH_PORT: '0' })).toBeNull();
  for (const wrong of ['x', '-1', '70000', '80.5']) {
    expect(() => healthPortFrom({ PLUMBLINE_HEALTH_PORT: wrong })).toThrow(/PLUMBLINE_HEALTH_PORT/);
  }
});

test('the only queues of a worker', () => {
  const of = (text: string, cores = 2) => slotsOf({ only: parseQueues(text) }, {}, cores);
  expect(of('gpu,cpu')).toMatchObject({ queues: { 'plumb-gpu': 1, 'plumb-cpu': 1 }, workflows: false });
  expect(of('workflow')).toMatchObject({ queues: {}, workflows: true });
  expect(of('workflow, big=3')).toMatchObject({ queues: { big: 3 }, workflows: true, children: 3 });
  // Points that only talk to language models compute one after the other.
  expect(of('label=20')).toMatchObject({ queues: { 'plumb-label': 20 }, children: 2 });
  expect(slotsOf({}, {}, 2).workflows).toBe(true);
  for (const wrong of ['', 'gpu,', 'gpu=0', 'gpu=1=2', '=2', 'gpu=x']) {
    expect(() => parseQueues(wrong), wrong).toThrow(/--queues/);
  }
  expect(() => parseQueues('gpu,gpu=2')).toThrow(/twice/);
});

test('a line of JSON for each entry, whatever it carries', () => {
  const lines: string[] = [];
  const logger = jsonLogger((line) => lines.push(line));
  const cycle: Record<string, unknown> = { n: 10n };
  cycle['self'] = cycle;
  logger.info('one\ntwo', { run: 'r', step: 's', point: 's[a=1]', attempt: 2 });
  logger.warn('failed', {
    workflowId: 'r/s',
    activityId: 's[a=1]',
    taskQueue: 'plumb-cpu',
    error: new Error('why'),
  });
  logger.warn('odd', { cycle, level: 'forged', time: 'forged' });
  logger.debug('too much');
  expect(lines).toHaveLength(3);
  const [first, second, third] = lines.map((line) => JSON.parse(line));
  expect(first).toMatchObject({ level: 'info', message: 'one\ntwo', run: 'r', point: 's[a=1]', attempt: 2 });
  expect(second).toMatchObject({
    level: 'warn',
    run: 'r',
    step: 's',
    point: 's[a=1]',
    error: { message: 'why' },
  });
  expect(third).toMatchObject({ level: 'warn', message: 'odd', cycle: { n: '10' } });
  expect(Date.parse(third.time)).toBeGreaterThan(0);
  expect(lines.every((line) => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
});
