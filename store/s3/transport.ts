import * as http from 'node:http';
import * as https from 'node:https';

/** An answer of the server that says: later. */
export class BusyServerError extends Error {
  override name = 'BusyServerError';
  constructor(
    readonly status: number,
    /** S3's code, such as `SlowDown`. */
    readonly code: string,
    text: string,
    readonly retryAfterSeconds: number | null,
  ) {
    super(text);
  }
}

/** The statuses at which `minio` throws the answer away, without reading it. */
const BUSY = new Set([408, 429, 499, 500, 502, 503, 504, 520]);
const LONGEST_ANSWER = 64 << 10;

export type Transport = Pick<typeof http, 'request'>;

/**
 * Node's requests, for `minio`: one that stands still for `idleMs` is given up, and an answer that says "later" becomes a
 * `BusyServerError` with what it says. Tells `clock` the server's time.
 */
export function transport(secure: boolean, idleMs: number, clock: (serverTime: number) => void): Transport {
  const base = secure ? https : http;
  const request = (options: http.RequestOptions, callback: (response: http.IncomingMessage) => void) => {
    const sent = base.request(options, (response) => {
      const time = Date.parse(response.headers.date ?? '');
      if (!Number.isNaN(time)) clock(time);
      if (!BUSY.has(response.statusCode ?? 0)) return callback(response);
      readBusy(response).then((error) => sent.emit('error', error));
    });
    sent.setTimeout(idleMs, () => {
      sent.destroy(Object.assign(new Error(`nothing came for ${idleMs / 1000} s`), { code: 'ETIMEDOUT' }));
    });
    return sent;
  };
  // Of the many ways to call `request`, `minio` uses this one.
  return { request: request as typeof http.request };
}

async function readBusy(response: http.IncomingMessage): Promise<BusyServerError> {
  let text = '';
  try {
    for await (const chunk of response) {
      if (text.length < LONGEST_ANSWER) text += (chunk as Buffer).toString('utf8');
    }
  } catch {
    // The status alone must do.
  }
  const part = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  const status = response.statusCode as number;
  const after = Number(response.headers['retry-after']);
  return new BusyServerError(
    status,
    part('Code') ?? String(status),
    part('Message') ?? response.statusMessage ?? '',
    Number.isFinite(after) && after >= 0 ? after : null,
  );
}
