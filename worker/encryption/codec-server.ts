import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Payload, PayloadCodec } from '@temporalio/common';

/** More than the web UI ever sends: a page of a history. */
const MOST_BYTES = 32 * 1024 * 1024;

export interface CodecServerOptions {
  codec: PayloadCodec;
  /** Origins of the web UIs whose pages may read the answers, as browsers send them. */
  origins: readonly string[];
  /** What callers must send as `Authorization: Bearer …`. */
  token: string;
}

/** Temporal's remote codec protocol: POST /encode and /decode, payloads as JSON with their bytes in base64. */
export function codecServer({ codec, origins, token }: CodecServerOptions): Server {
  return createServer({ requestTimeout: 30_000 }, (request, response) => {
    allowOrigin(request, response, origins);
    answer(request, codec, token).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => send(response, 400, { message: (error as Error).message }),
    );
  });
}

interface Answer {
  status: number;
  body: object;
}

async function answer(request: IncomingMessage, codec: PayloadCodec, token: string): Promise<Answer> {
  const { pathname } = new URL(request.url ?? '/', 'http://codec');
  if (request.method === 'OPTIONS') return { status: 204, body: {} };
  const work = /\/(encode|decode)$/.exec(pathname)?.[1];
  if (work === undefined)
    return { status: 404, body: { message: 'There are only /encode and /decode here.' } };
  if (request.method !== 'POST') return { status: 405, body: { message: 'Only POST is understood.' } };
  if (!same(request.headers.authorization ?? '', `Bearer ${token}`))
    return { status: 401, body: { message: 'The bearer token is missing or wrong.' } };
  const bytes = await bodyOf(request);
  if (bytes === null) return { status: 413, body: { message: `At most ${MOST_BYTES} bytes are taken.` } };
  const payloads = payloadsOf(bytes);
  const done = work === 'encode' ? await codec.encode(payloads) : await codec.decode(payloads);
  return { status: 200, body: { payloads: done.map(toJson) } };
}

function allowOrigin(
  { headers }: IncomingMessage,
  response: ServerResponse,
  origins: readonly string[],
): void {
  response.setHeader('Vary', 'Origin');
  if (headers.origin === undefined || !origins.includes(headers.origin)) return;
  response.setHeader('Access-Control-Allow-Origin', headers.origin);
  response.setHeader('Access-Control-Allow-Methods', 'POST, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type, x-namespace');
  response.setHeader('Access-Control-Allow-Credentials', 'true');
}

/** In a time that tells nothing of how much of it was right. */
function same(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** null: too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MOST_BYTES) chunks.push(chunk);
  }
  return size > MOST_BYTES ? null : Buffer.concat(chunks);
}

interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

function payloadsOf(body: Buffer): Payload[] {
  const wrong = () => new Error('The body is not {"payloads": [{"metadata": {...}, "data": "..."}]}.');
  let parsed: { payloads?: unknown } | null;
  try {
    parsed = JSON.parse(body.toString()) as typeof parsed;
  } catch {
    throw wrong();
  }
  const payloads = parsed?.payloads;
  if (!Array.isArray(payloads) || !payloads.every(isPayload)) throw wrong();
  return payloads.map(({ metadata = {}, data = '' }) => ({
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, bytesOf(value)])),
    data: bytesOf(data),
  }));
}

function isPayload(value: unknown): value is JsonPayload {
  if (typeof value !== 'object' || value === null) return false;
  const { metadata = {}, data = '' } = value as { metadata?: unknown; data?: unknown };
  if (typeof data !== 'string' || typeof metadata !== 'object' || metadata === null) return false;
  return Object.values(metadata).every((item) => typeof item === 'string');
}

const bytesOf = (base64: string) => Buffer.from(base64, 'base64');
const base64Of = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');

const toJson = ({ metadata, data }: Payload): JsonPayload => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [key, base64Of(value)])),
  data: base64Of(data),
});

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(status === 204 ? undefined : JSON.stringify(body));
}
