import { StoreError } from '../error.ts';
import type { S3Address } from './address.ts';
import { BusyServerError } from './transport.ts';

/** What a failed request means. */
export interface Judgement {
  error: StoreError;
  /** Whether to try again, and how long the server asked us to wait. */
  again: boolean;
  afterSeconds: number | null;
  /** The credentials may be out of date. */
  stale?: boolean;
}

/** The object is not there. Not an error of the store's: its callers know what it means. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'NoSuchKey' || code === 'NotFound';
}

/** A conditional write found something there. */
export function isPresent(error: unknown): boolean {
  return codeOf(error) === 'PreconditionFailed';
}

/** A range of an object that has not a single byte. */
export function isEmptyRange(error: unknown): boolean {
  return codeOf(error) === 'InvalidRange';
}

/** The server does not know what was asked of it. */
export function isUnknownToServer(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'NotImplemented' || code === 'MethodNotAllowed' || code === 'InvalidArgument';
}

const CLOCKS = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture']);
const REFUSED = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'XAdminUserNotFound',
  'SignatureDoesNotMatch',
  'AccountProblem',
  'AllAccessDisabled',
  'MissingSecurityHeader',
]);
const STALE = new Set(['ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'TokenRefreshRequired']);
const FULL = new Set([
  'QuotaExceeded',
  'XMinioStorageFull',
  'InsufficientStorage',
  'InsufficientCapacity',
  'StorageFull',
  '507',
]);
const ELSEWHERE = new Set([
  'MovedPermanently',
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);
const CHANGED = new Set(['BadDigest', 'XAmzContentSHA256Mismatch', 'InvalidDigest', 'IncompleteBody']);
const CERTIFICATE = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT)/;
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/**
 * Judges what went wrong with a request. `what` names it ("read blobs/ab/abcd"), `skewSeconds` is how far the server's clock
 * is ahead of ours. Nothing of the request, which is signed, gets into a message.
 */
export function judge(error: unknown, what: string, address: S3Address, skewSeconds: number): Judgement {
  // The library wraps what the credentials' provider throws.
  const wrapped = (error as { cause?: unknown } | null)?.cause;
  if (wrapped instanceof StoreError) return judge(wrapped, what, address, skewSeconds);
  if (error instanceof StoreError) return { error, again: error.code === 'unavailable', afterSeconds: null };
  const code = codeOf(error);
  const said = textOf(error);
  const { bucket, endpoint, region } = address;
  const place = `${address.location}: cannot ${what}`;
  // Without the library's error, whose fields hold what was signed.
  const cause = { cause: Object.assign(new Error(said), { code }) };
  const never = (kind: StoreError['code'], message: string, hint: string): Judgement => ({
    error: new StoreError(kind, message, hint, cause),
    again: false,
    afterSeconds: null,
  });
  const again = (message: string, hint: string, afterSeconds: number | null = null): Judgement => ({
    error: new StoreError('unavailable', message, hint, cause),
    again: true,
    afterSeconds,
  });

  if (code === 'NoSuchBucket')
    return never(
      'bad-name',
      `There is no bucket ${bucket} at ${endpoint.origin}.`,
      'Create it, or correct PLUMBLINE_STORE.',
    );
  if (CLOCKS.has(code) || (code === 'AccessDenied' && Math.abs(skewSeconds) > 900))
    return never(
      'unavailable',
      `${place}: the clock of this machine is ${clockText(skewSeconds)} the server's, and requests are signed with the time.`,
      'Set the clock of this machine, and keep it right: timedatectl set-ntp true.',
    );
  if (STALE.has(code))
    return {
      ...never(
        'permission',
        `${place}: the credentials have expired (${code}).`,
        'Renew them; those of a role or a file are read again by themselves.',
      ),
      again: true,
      stale: true,
    };
  if (REFUSED.has(code))
    return {
      ...never(
        'permission',
        `${place}: the server refused these credentials (${code}).`,
        code === 'AccessDenied'
          ? `They need s3:GetObject, PutObject, DeleteObject, ListBucket and AbortMultipartUpload on ${bucket}.`
          : 'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile.',
      ),
      stale: code !== 'AccessDenied',
    };
  if (FULL.has(code) || /no space left|disk quota|storage (is )?full/i.test(said))
    return never(
      'disk-full',
      `${place}: the store has no space left (${code}).`,
      'Free space in it: `plumb artifacts gc`; the same command then goes on from what is stored.',
    );
  if (ELSEWHERE.has(code))
    return never(
      'bad-name',
      `${place}: the bucket ${bucket} is not in ${region} (${code}).`,
      'Set AWS_REGION to its region.',
    );
  if (code === 'NotImplemented' || code === 'MethodNotAllowed')
    return never('unsupported', `${place}: the server cannot do that (${said}).`, 'Use another S3 server.');
  if (CHANGED.has(code))
    return again(
      `${place}: what arrived is not what was sent (${code}).`,
      'If it recurs: something between changes data, or the file was written to while it was stored.',
    );
  if (CERTIFICATE.test(code))
    return never(
      'permission',
      `${place}: the certificate of ${endpoint.host} is not trusted (${code}).`,
      'Name the certificates of your authority in AWS_CA_BUNDLE (a PEM file).',
    );
  if (code === 'EPROTO' || code.startsWith('HPE_') || code.startsWith('ERR_SSL'))
    return never(
      'bad-name',
      `${place}: ${endpoint.host} does not speak ${endpoint.protocol.slice(0, -1)} (${code}).`,
      `Write the endpoint with ${endpoint.protocol === 'https:' ? 'http' : 'https'}://.`,
    );
  if (error instanceof BusyServerError)
    return again(
      `${place}: the server says ${said || 'nothing'} (${code}).`,
      'It is tried again; if it recurs, see what keeps the server busy.',
      error.retryAfterSeconds,
    );
  if (NETWORK.has(code) || /socket hang up|aborted|premature close/i.test(said))
    return again(
      `${place}: ${endpoint.host} cannot be reached or was cut off (${code || said}).`,
      'Check the network and the endpoint; the work is tried again.',
    );
  if (code === 'PreconditionFailed')
    return never(
      'unavailable',
      `${place}: it was replaced while it was read.`,
      'It is tried again; see what else writes there.',
    );
  if (code === 'ConditionalRequestConflict' || code === 'OperationAborted')
    return again(`${place}: another write was under way (${code}).`, 'It is tried again.');
  // What a completed multipart upload says in the text of a 200 has no code.
  if ((error as Error).name === 'S3Error' && code === '')
    return again(`${place}: the server says ${said || 'nothing'}.`, 'It is tried again.');
  if (/^[A-Z]/.test(code))
    return never(
      'unsupported',
      `${place}: ${said || code} (${code}).`,
      'See the documentation of the S3 server.',
    );
  throw error;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : typeof code === 'number' ? String(code) : '';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function clockText(skewSeconds: number): string {
  const minutes = Math.round(Math.abs(skewSeconds) / 60);
  return `${minutes} min ${skewSeconds > 0 ? 'behind' : 'ahead of'}`;
}
