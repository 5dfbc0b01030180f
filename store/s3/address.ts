import { nameParts } from '../documents.ts';
import { StoreError } from '../error.ts';

/** Where an S3-compatible store is. No secrets: those are in `credentials.ts`. */
export interface S3Address {
  bucket: string;
  /** Empty, or ends with a slash. */
  prefix: string;
  endpoint: URL;
  region: string;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. */
  pathStyle: boolean;
  /** A file of certificates (PEM) to trust beside the system's. */
  authorities: string | null;
  /** The same as an address, for people and for opening it again. */
  location: string;
}

const AMAZON = /(^|\.)amazonaws\.com(\.cn)?$/;
const PARAMETERS = ['endpoint', 'region', 'style', 'ca'];

/**
 * `s3://BUCKET/PREFIX`, with `?endpoint=`, `region=`, `style=path|virtual` and `ca=FILE` where the environment does not say
 * it: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION, AWS_CA_BUNDLE.
 * @throws StoreError `bad-name`
 */
export function parseS3Address(location: string, env: NodeJS.ProcessEnv = process.env): S3Address {
  const url = parse(location, 's3://BUCKET/PREFIX');
  // Before the address is in any message: it would be in histories and process lists as well.
  if (url.username !== '' || url.password !== '') {
    throw new StoreError(
      'bad-name',
      `The address of the store has credentials in it (s3://***@${url.host}${url.pathname}).`,
      'Leave them out: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE) or an instance role.',
    );
  }
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined)
    throw bad(`${unknown} is not a parameter of a store's address`, `Known are ${PARAMETERS.join(', ')}.`);
  const bucket = url.hostname;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw bad(
      `${JSON.stringify(bucket)} cannot name a bucket`,
      'Buckets have 3 to 63 lower-case letters, digits, dots and hyphens.',
    );
  const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  const prefix = path === '' ? '' : `${nameParts(path).join('/')}/`;
  const region =
    url.searchParams.get('region') || env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1';
  const named =
    url.searchParams.get('endpoint') || env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || null;
  const endpoint = named === null ? new URL('https://s3.amazonaws.com') : endpointOf(named);
  const style = url.searchParams.get('style');
  if (style !== null && style !== 'path' && style !== 'virtual')
    throw bad(`style=${style} is not known`, 'It is path or virtual.');
  const pathStyle = style === null ? !AMAZON.test(endpoint.hostname) : style === 'path';
  const authorities = url.searchParams.get('ca') || env['AWS_CA_BUNDLE'] || null;
  // What the environment says is said too, so that a worker elsewhere, or a message, means the same store.
  const parameters = new URLSearchParams({
    ...(named !== null && { endpoint: endpoint.origin }),
    ...(region !== 'us-east-1' && { region }),
    ...(style !== null && { style }),
    ...(url.searchParams.has('ca') && { ca: authorities as string }),
  });
  const query = parameters.toString().replaceAll('%3A', ':').replaceAll('%2F', '/');
  const place = `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`;
  return {
    ...{ bucket, prefix, endpoint, region, pathStyle, authorities },
    location: query === '' ? place : `${place}?${query}`,
  };
}

function endpointOf(text: string): URL {
  const url = parse(text, 'http://HOST:PORT or https://HOST');
  if (url.username !== '' || url.password !== '')
    throw bad('The endpoint has credentials in it', 'Leave them out.');
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.pathname.replace(/\/$/, '') !== '')
    throw bad(`${text} cannot be an endpoint`, 'Give http://HOST:PORT or https://HOST, without a path.');
  return url;
}

function parse(text: string, form: string): URL {
  try {
    return new URL(text);
  } catch {
    throw bad(`The address ${text.replace(/\/\/[^@/]*@/, '//***@')} cannot be read`, `Write it as ${form}.`);
  }
}

function bad(what: string, hint: string): StoreError {
  return new StoreError('bad-name', `${what}.`, hint);
}
