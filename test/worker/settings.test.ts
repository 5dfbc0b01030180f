import { expect, test } from 'vitest';
import { settingsFromEnvironment } from '../../worker/settings.ts';
import { parseQueue, slotsOf } from '../../worker/slots.ts';
import { targetFromEnvironment } from '../../worker/target.ts';

test('without variables, all state lies below the working directory and the server is our own', () => {
  expect(settingsFromEnvironment({}, '/home/me/project')).toEqual({
    directory: '/home/me/project/.plumb',
    store: '/home/me/project/.plumb/store',
    temporal: null,
  });
});

test('the state directory, the store and the server can be put elsewhere', () => {
  const env = {
    PLUMBLINE_DIRECTORY: 'state',
    PLUMBLINE_STORE: '/mnt/store',
    TEMPORAL_ADDRESS: 'temporal:7233',
  };
  expect(settingsFromEnvironment(env, '/home/me')).toEqual({
    directory: '/home/me/state',
    store: '/mnt/store',
    temporal: { address: 'temporal:7233', namespace: 'default' },
  });
  expect(settingsFromEnvironment({ PLUMBLINE_STORE: 's3://bucket/x' }, '/home/me').store).toBe(
    's3://bucket/x',
  );
});

test('the address of a bucket carries the endpoint of the environment, and no credentials', () => {
  const env = {
    PLUMBLINE_STORE: 's3://bucket/x',
    AWS_ENDPOINT_URL: 'http://store:9000',
    AWS_SECRET_ACCESS_KEY: 'canary',
  };
  expect(settingsFromEnvironment(env, '/home/me').store).toBe('s3://bucket/x?endpoint=http://store:9000');
  expect(() => settingsFromEnvironment({ PLUMBLINE_STORE: 's3://a:canary@bucket' }, '/home/me')).toThrow(
    /has credentials in it \(s3:\/\/\*\*\*@bucket\)/,
  );
});

test('an API key turns TLS on, and half a client certificate is an error', () => {
  expect(
    targetFromEnvironment({ TEMPORAL_ADDRESS: 'a:1', TEMPORAL_NAMESPACE: 'ns', TEMPORAL_API_KEY: 'key' }),
  ).toEqual({
    address: 'a:1',
    namespace: 'ns',
    apiKey: 'key',
    tls: {},
  });
  const half = { TEMPORAL_ADDRESS: 'a:1', TEMPORAL_TLS_CLIENT_CERT_DATA: '-----BEGIN CERTIFICATE' };
  expect(() => targetFromEnvironment(half)).toThrow(/TEMPORAL_TLS_CLIENT_KEY_PATH go together/);
  const missing = { TEMPORAL_ADDRESS: 'a:1', TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/nowhere.pem' };
  expect(() => targetFromEnvironment(missing)).toThrow(
    /TEMPORAL_TLS_SERVER_CA_CERT_PATH names \/nowhere.pem/,
  );
});

test('two cores carry one heavy training and one lighter point', () => {
  const { children, queues, threads } = slotsOf({}, {}, 2);
  expect({ children, threads }).toEqual({ children: 2, threads: 2 });
  expect(queues).toMatchObject({ 'plumb-gpu': 1, 'plumb-cpu': 1 });
});

test('more cores carry more points at once, with the same threads each', () => {
  expect(slotsOf({}, {}, 16)).toMatchObject({ threads: 4, children: 4, queues: { 'plumb-cpu': 3 } });
  expect(slotsOf({}, { TF_NUM_INTRAOP_THREADS: '2' }, 16)).toMatchObject({ threads: 2, children: 8 });
});

test('queues of the team come with their slots', () => {
  expect(parseQueue('big=2')).toEqual(['big', 2]);
  expect(slotsOf({ add: Object.fromEntries([parseQueue('big')]) }, {}, 2).queues).toMatchObject({ big: 1 });
  expect(() => parseQueue('big=0')).toThrow(/--queue big=0/);
});
