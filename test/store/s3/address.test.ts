import { expect, test } from 'vitest';
import { openStore } from '../../../store/open.ts';
import { parseS3Address } from '../../../store/s3/address.ts';

test('an address says bucket and prefix, the environment the rest', () => {
  const address = parseS3Address('s3://team-results/plumb/helpfulness/', {
    AWS_ENDPOINT_URL_S3: 'http://minio.internal:9000/',
    AWS_REGION: 'eu-central-1',
    AWS_CA_BUNDLE: '/etc/team.pem',
  });
  expect(address).toMatchObject({
    bucket: 'team-results',
    prefix: 'plumb/helpfulness/',
    region: 'eu-central-1',
    pathStyle: true,
    authorities: '/etc/team.pem',
    location: 's3://team-results/plumb/helpfulness?endpoint=http://minio.internal:9000&region=eu-central-1',
  });
});

test('its location opens the same store without that environment', () => {
  const location = 's3://b-1/p?endpoint=https://s3.team.example&region=x&style=virtual&ca=/etc/ca.pem';
  const address = parseS3Address(location, {});
  expect(address.location).toBe(location);
  expect(parseS3Address(address.location, { AWS_REGION: 'other' })).toEqual(address);
  expect(parseS3Address('s3://bucket', {})).toMatchObject({
    prefix: '',
    region: 'us-east-1',
    pathStyle: false,
    location: 's3://bucket',
  });
});

test.each([
  ['s3://key:secret@bucket/p', /has credentials in it \(s3:\/\/\*\*\*@bucket\/p\)/],
  ['s3://bucket?endpoint=https://key:secret@host', /endpoint has credentials/],
  ['s3://Bu_cket', /cannot name a bucket/],
  ['s3://', /cannot (be read|name a bucket)/],
  ['s3://bucket/a/../../b?style=odd', /style=odd is not known/],
  ['s3://bucket/.hidden', /cannot name a document/],
  ['s3://bucket?endpoint=host:9000', /cannot be an endpoint/],
  ['s3://bucket?endpoint=http://host/path', /without a path|cannot be an endpoint/],
  ['s3://bucket?access_key=x', /access_key is not a parameter/],
])('%s is refused', (location, message) => {
  const opened = () => openStore(location);
  expect(opened).toThrow(message);
  expect(opened).toThrow(expect.objectContaining({ code: 'bad-name', hint: expect.any(String) }));
  expect(opened).not.toThrow(/secret/);
});
