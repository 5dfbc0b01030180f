import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a run of one side cost. */
export interface Tally {
  calls: number;
  promptTokens: number;
  completionTokens: number;
  /** Calls that were refused for their rate, or answered by garbage. */
  faults: number;
}

interface ChatBody {
  messages: { role: string; content: string }[];
}

/** The word that a feature responds to. */
export const markerOf = (feature: number) => `marker${feature}`;
const MARKER = /marker\d+/g;

const DELAY_MS = 10;
/** Of every hundred calls. */
const RATE_LIMITED = 61;
const GARBAGE = 37;
const LOREM = 'lorem ipsum dolor sit amet';

/**
 * A language model that answers both sides rightly, in the form that each asks for, but for 1 % of the calls that it refuses
 * (429) and 1 % that it answers by garbage.
 */
export class Service {
  private tally: Tally = { calls: 0, promptTokens: 0, completionTokens: 0, faults: 0 };
  private onCall: () => void = () => undefined;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Service> {
    const server = createServer();
    const service = new Service(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        service.answer(JSON.parse(Buffer.concat(chunks).toString('utf8')) as ChatBody, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  /** Counts from here on. @param onCall told of every call */
  begin(onCall: (calls: number) => void = () => undefined): void {
    this.tally = { calls: 0, promptTokens: 0, completionTokens: 0, faults: 0 };
    this.onCall = () => onCall(this.tally.calls);
  }

  counted(): Tally {
    return { ...this.tally };
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer({ messages }: ChatBody, response: ServerResponse): void {
    const { tally } = this;
    const place = tally.calls++ % 100;
    this.onCall();
    if (place === RATE_LIMITED || place === GARBAGE) tally.faults++;
    if (place === RATE_LIMITED) {
      response
        .writeHead(429, { 'content-type': 'application/json', 'retry-after-ms': '20' })
        .end(JSON.stringify({ error: { message: 'slow down', code: 'rate_limit_exceeded' } }));
      return;
    }
    const content = place === GARBAGE ? LOREM : replyTo(messages);
    const prompt_tokens = Math.ceil(messages.reduce((sum, one) => sum + one.content.length, 0) / 4);
    const completion_tokens = Math.ceil(content.length / 4);
    tally.promptTokens += prompt_tokens;
    tally.completionTokens += completion_tokens;
    const completion = {
      ...{ id: 'chatcmpl-bench', object: 'chat.completion', created: 0, model: 'bench' },
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
    };
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(completion));
    }, DELAY_MS);
  }
}

/** Explanations name the word that comes most often; judgements find the word that the explanation names. */
function replyTo(messages: ChatBody['messages']): string {
  const text = messages.find(({ role }) => role === 'user')?.content ?? '';
  const ours = text.includes('Answer in JSON');
  const named = /(?:Description: |fires on )[^\n]*?(marker\d+)/.exec(text)?.[1];
  if (named === undefined) {
    const label = `the word ${commonest(text.match(MARKER) ?? [])}`;
    return ours ? JSON.stringify({ explanation: label }) : `This neuron activates on ${label}`;
  }
  const excerpts = text.split('\n').filter((line) => /^\d+\. /.test(line));
  const active = excerpts.map((line) => new RegExp(`${named}(?!\\d)`).test(line));
  if (ours) return JSON.stringify({ answers: active });
  return active.flatMap((is, i) => (is ? [i + 1] : [])).join(', ') || 'None';
}

function commonest(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'nothing';
}
