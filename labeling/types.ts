import type { Json } from '../store/types.ts';

/** One question to a language model. Equal questions have equal cache keys. */
export interface LabelRequest {
  /** `explain`, `detect`, `classify` ..., for the ledger and for messages. */
  purpose: string;
  messages: { role: 'system' | 'user' | 'assistant'; content: string }[];
  /** JSON Schema that the reply must satisfy; its `title` names it to the service. */
  schema: Record<string, Json>;
  maxTokens: number;
  /** Handed to the service: tells apart raters who are one model, asked at a temperature above 0. */
  seed?: number;
}

export interface LabelUsage {
  promptTokens: number;
  completionTokens: number;
  dollars: number;
}

/** A reply that satisfied the schema. A call that did not give one is an error, never a default answer. */
export interface LabelReply {
  value: Record<string, Json>;
  /** What the service says it used; a cached reply costs nothing now. */
  usage: LabelUsage;
  cached: boolean;
  model: string;
}

export interface LanguageModelClient {
  readonly model: string;
  ask(request: LabelRequest): Promise<LabelReply>;
}
