import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChatBody } from './openai-server.ts';

/** What becomes of one request of a batch. `line`: it is in the results as a string, perhaps torn; null: it is missing. */
export type LineOf = (id: string, body: ChatBody) => { output?: string; error?: string } | null;

/** What the server does with the n-th batch, from 0. */
export interface BatchBehaviour {
  /** Looks at it before it has ended. */
  polls?: number;
  ends?: 'completed' | 'expired' | 'failed' | 'cancelled';
  /** Why it failed. */
  code?: string;
  /** `unseen`: the connection is cut before the batch exists; `made`: after it does. */
  cut?: 'unseen' | 'made';
  /** Changes the lines of the output file. */
  lines?(lines: string[]): string[];
}

interface Stored {
  id: string;
  input_file_id: string;
  metadata: Record<string, string> | null;
  created_at: number;
  behaviour: BatchBehaviour;
  polls: number;
  result: object;
}

/** The files and batches of an OpenAI-compatible service. */
export class BatchDesk {
  readonly files = new Map<string, string>();
  readonly batches: Stored[] = [];
  /** Requests of all batches, in order. */
  readonly requests: { id: string; body: ChatBody }[] = [];
  private cuts = 0;

  constructor(
    private readonly behaviourOf: (batch: number) => BatchBehaviour,
    private readonly lineOf: LineOf,
  ) {}

  /** @returns whether the request was about a file or a batch */
  handle(request: IncomingMessage, raw: string, response: ServerResponse): boolean {
    const path = new URL(request.url ?? '', 'http://localhost').pathname.replace(/^\/v1/, '');
    const send = (body: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path === '/files' && request.method === 'POST') {
      const id = `file-${this.files.size}`;
      this.files.set(id, contentOf(raw));
      send({ id, object: 'file', purpose: 'batch' });
      return true;
    }
    const [, content] = /^\/files\/([^/]+)\/content$/.exec(path) ?? [];
    if (content !== undefined) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(this.files.get(content));
      return true;
    }
    if (path === '/batches' && request.method === 'POST') {
      this.create(
        JSON.parse(raw) as { input_file_id: string; metadata?: Record<string, string> },
        request,
        send,
      );
      return true;
    }
    if (path === '/batches') {
      send({ object: 'list', data: [...this.batches].reverse().map(shown), has_more: false });
      return true;
    }
    const [, id] = /^\/batches\/([^/]+)$/.exec(path) ?? [];
    if (id === undefined) return false;
    const batch = this.batches.find((one) => one.id === id);
    if (!batch) send({ error: { message: 'no such batch' } }, 404);
    else {
      if (++batch.polls > (batch.behaviour.polls ?? 1)) this.end(batch);
      send(shown(batch));
    }
    return true;
  }

  private create(
    body: { input_file_id: string; metadata?: Record<string, string> },
    request: IncomingMessage,
    send: (body: unknown) => unknown,
  ): void {
    const behaviour = this.behaviourOf(this.batches.length + this.cuts);
    if (behaviour.cut === 'unseen') {
      this.cuts++;
      request.socket.destroy();
      return;
    }
    const batch: Stored = {
      ...{ id: `batch-${this.batches.length}`, input_file_id: body.input_file_id },
      ...{ metadata: body.metadata ?? null, created_at: Math.floor(Date.now() / 1000) },
      ...{ behaviour, polls: 0, result: { status: 'in_progress' } },
    };
    this.batches.push(batch);
    if (behaviour.cut === 'made') request.socket.destroy();
    else send(shown(batch));
  }

  private end(batch: Stored): void {
    if ('output_file_id' in batch.result) return;
    const { ends = 'completed', code, lines = (all) => all } = batch.behaviour;
    if (ends === 'failed') {
      const data = [{ code: code ?? 'invalid', message: 'told to fail' }];
      batch.result = { status: 'failed', errors: { object: 'list', data } };
      return;
    }
    const requests = (this.files.get(batch.input_file_id) ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { custom_id: string; body: ChatBody });
    const output: string[] = [];
    const errors: string[] = [];
    for (const { custom_id: id, body } of requests) {
      this.requests.push({ id, body });
      const line = this.lineOf(id, body);
      if (line?.output !== undefined) output.push(line.output);
      if (line?.error !== undefined) errors.push(line.error);
    }
    const of = `${batch.id}-out`;
    this.files.set(of, `${lines(output).join('\n')}\n`);
    this.files.set(`${batch.id}-err`, `${errors.join('\n')}\n`);
    batch.result = {
      status: ends,
      output_file_id: of,
      ...(errors.length > 0 && { error_file_id: `${batch.id}-err` }),
      request_counts: { total: requests.length, completed: output.length, failed: errors.length },
    };
  }
}

const shown = ({ behaviour: _, polls: __, result, ...batch }: Stored) => ({
  ...{ object: 'batch', endpoint: '/v1/chat/completions', completion_window: '24h' },
  ...batch,
  ...result,
});

/** The file of a multipart body. */
function contentOf(raw: string): string {
  const boundary = raw.slice(0, raw.indexOf('\r\n'));
  const part = raw.split(boundary).find((one) => one.includes('filename='));
  return part === undefined ? '' : part.slice(part.indexOf('\r\n\r\n') + 4).replace(/\r\n$/, '');
}
