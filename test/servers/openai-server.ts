import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BatchBehaviour, BatchDesk, type LineOf } from './openai-batches.ts';

/** What the server does with one call. `answer` gets the request's body and returns the reply's content. */
export type Behaviour =
  | {
      kind: 'answer';
      content: string;
      promptTokens?: number;
      completionTokens?: number;
      finish?: string;
      refusal?: string;
      noUsage?: boolean;
    }
  | { kind: 'status'; status: number; code?: string; headers?: Record<string, string> }
  | { kind: 'hang' }
  | { kind: 'reset' }
  | { kind: 'truncate' };

export interface ChatBody {
  model: string;
  temperature: number;
  max_tokens: number;
  messages: { role: string; content: string }[];
  response_format?: { type: string };
}

/** A line of a batch's results: the answer, the error, nothing at all, or a torn line. */
function batchLine(behaviour: Behaviour, id: string, body: ChatBody): ReturnType<LineOf> {
  const line = (status_code: number, of: object) =>
    JSON.stringify({ id: `r-${id}`, custom_id: id, response: { status_code, body: of }, error: null });
  switch (behaviour.kind) {
    case 'answer':
      return { output: line(200, JSON.parse(completion(body, behaviour)) as object) };
    case 'status':
      return { error: line(behaviour.status, { error: { code: behaviour.code ?? null } }) };
    case 'truncate':
      return { output: line(200, {}).slice(0, 60) };
    default:
      return null;
  }
}

export interface OpenAIServer {
  url: string;
  /** Every call's body, in order of arrival. */
  calls: ChatBody[];
  /** Most calls that were open at once. */
  peak: number;
  batches: BatchDesk;
  close(): Promise<void>;
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function completion(body: ChatBody, behaviour: Extract<Behaviour, { kind: 'answer' }>): string {
  return JSON.stringify({
    id: 'chatcmpl-test',
    object: 'chat.completion',
    created: 0,
    model: `${body.model}-2024-01-01`,
    choices: [
      {
        index: 0,
        finish_reason: behaviour.finish ?? 'stop',
        message: { role: 'assistant', content: behaviour.content, refusal: behaviour.refusal ?? null },
      },
    ],
    ...(behaviour.noUsage
      ? {}
      : {
          usage: {
            prompt_tokens: behaviour.promptTokens ?? 100,
            completion_tokens: behaviour.completionTokens ?? 20,
            total_tokens: (behaviour.promptTokens ?? 100) + (behaviour.completionTokens ?? 20),
          },
        }),
  });
}

/** A real HTTP server that speaks chat completions and misbehaves as told: `decide(body, n)` for the n-th call, from 0. */
export async function startOpenAIServer(
  decide: (body: ChatBody, call: number) => Behaviour,
  options: { key?: string; delayMs?: number; batches?: (batch: number) => BatchBehaviour } = {},
): Promise<OpenAIServer> {
  const calls: ChatBody[] = [];
  let open = 0;
  const state = { peak: 0 };
  const batches = new BatchDesk(options.batches ?? (() => ({})), (id, body) =>
    batchLine(decide(body, calls.push(body) - 1), id, body),
  );
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    open++;
    state.peak = Math.max(state.peak, open);
    response.on('close', () => open--);
    const raw = await read(request);
    if (options.key && request.headers.authorization !== `Bearer ${options.key}`) {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: 'bad key', code: 'invalid_api_key' } }));
      return;
    }
    if (batches.handle(request, raw, response)) return;
    const body = JSON.parse(raw) as ChatBody;
    const behaviour = decide(body, calls.push(body) - 1);
    if (options.delayMs) await new Promise((resolve) => setTimeout(resolve, options.delayMs));
    switch (behaviour.kind) {
      case 'answer':
        response.writeHead(200, { 'content-type': 'application/json' }).end(completion(body, behaviour));
        return;
      case 'status':
        response
          .writeHead(behaviour.status, { 'content-type': 'application/json', ...behaviour.headers })
          .end(JSON.stringify({ error: { message: 'told to fail', code: behaviour.code ?? null } }));
        return;
      case 'hang':
        return;
      case 'reset':
        request.socket.destroy();
        return;
      case 'truncate':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        response.write('{"id": "chat');
        request.socket.end();
    }
  };
  const server: Server = createServer((request, response) => {
    handle(request, response).catch((error) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    batches,
    get peak() {
      return state.peak;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
