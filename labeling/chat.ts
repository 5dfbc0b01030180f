import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type {
  ChatCompletion,
  ChatCompletionCreateParamsNonStreaming,
} from 'openai/resources/chat/completions';
import { ComputeError } from '../ml/failure.ts';
import type { Json } from '../store/types.ts';
import { strictSchema } from './strict-schema.ts';
import type { LabelRequest } from './types.ts';

export interface ChatSettings {
  model: string;
  temperature: number;
  /** How the service is asked for JSON: services differ in what they know. */
  responseFormat: 'json-schema' | 'json-object' | 'text';
  /** The field of the file that describes the service, for messages. */
  field: string;
}

/** Of a reply that is shown back, at most so many characters. */
const SHOWN = 2000;
/** A reply that was cut gets room for so many times as much; more would be a model that does not stop. */
const MORE_ROOM = 2;

/** What a question is known by: equal questions have equal replies. */
export function questionOf(request: LabelRequest, { model, temperature }: ChatSettings): Json {
  const { messages, schema, maxTokens, seed } = request;
  const asked = { model, temperature, messages, schema, maxTokens };
  return (seed === undefined ? asked : { ...asked, seed }) as unknown as Json;
}

/** The body of a call of `/v1/chat/completions`. */
export function chatBody(
  request: LabelRequest,
  { model, temperature, responseFormat }: ChatSettings,
): ChatCompletionCreateParamsNonStreaming {
  const { messages, schema, maxTokens, seed } = request;
  const body = {
    ...{ model, messages, temperature, max_tokens: maxTokens },
    ...(seed === undefined ? {} : { seed }),
  };
  switch (responseFormat) {
    case 'json-schema': {
      const name = String(schema.title ?? 'answer');
      const json_schema = { name, strict: true, schema: strictSchema(schema) };
      return { ...body, response_format: { type: 'json_schema', json_schema } };
    }
    case 'json-object':
      return { ...body, response_format: { type: 'json_object' } };
    case 'text':
      return body;
  }
}

/** A reply that was not what was asked for, with the question that shows the model its fault. */
export class FaultyReply extends ComputeError {
  constructor(
    code: 'llm-malformed' | 'llm-truncated',
    message: string,
    hint: string,
    readonly repair: LabelRequest,
  ) {
    super(code, message, { retryable: true, hint });
  }
}

/** Reads replies: the value that satisfies the schema, or an error. There is no default answer. */
export class ChatReader {
  private readonly ajv = new Ajv2020({ strict: false });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(private readonly settings: ChatSettings) {}

  /**
   * @param asked as it was sent, perhaps with an earlier fault shown
   * @param original as it was first asked: one fault is shown at a time
   * @throws ComputeError `llm-refused`, `llm-filtered`; FaultyReply
   */
  read(
    completion: Partial<ChatCompletion> | null | undefined,
    asked: LabelRequest,
    original: LabelRequest,
  ): Record<string, Json> {
    const choice = completion?.choices?.[0];
    if (choice?.finish_reason === 'content_filter') {
      throw new ComputeError('llm-filtered', "The service's content filter cut the answer.");
    }
    if (choice?.message?.refusal) throw new ComputeError('llm-refused', 'The model declined to answer.');
    const content = choice?.message?.content;
    if (choice?.finish_reason === 'length') throw this.truncated(content, asked, original);
    const malformed = (why: string) => this.malformed(why, content, asked, original);
    if (!content) throw malformed('it is empty');
    const start = content.indexOf('{');
    const end = content.lastIndexOf('}');
    if (start < 0 || end < start) throw malformed('it holds no object');
    let value: unknown;
    try {
      value = JSON.parse(content.slice(start, end + 1));
    } catch {
      throw malformed('it does not parse');
    }
    const validate = this.validatorOf(original.schema);
    if (!validate(value)) throw malformed(this.ajv.errorsText(validate.errors, { dataVar: 'it' }));
    return value as Record<string, Json>;
  }

  private malformed(
    why: string,
    content: string | null | undefined,
    asked: LabelRequest,
    original: LabelRequest,
  ): FaultyReply {
    return new FaultyReply(
      'llm-malformed',
      `The model's reply is not the JSON that was asked for: ${why}.`,
      `Try another \`${this.settings.field}.model\`, or \`response-format: json-schema\` if the service knows it.`,
      repaired(original, content, asked.maxTokens, `That was not the JSON that was asked for: ${why}.`),
    );
  }

  private truncated(
    content: string | null | undefined,
    asked: LabelRequest,
    original: LabelRequest,
  ): FaultyReply {
    const room = MORE_ROOM * original.maxTokens;
    return new FaultyReply(
      'llm-truncated',
      `The model's reply was cut after ${asked.maxTokens} tokens.`,
      `Try another \`${this.settings.field}.model\`: this one does not keep its answers short.`,
      repaired(original, content, room, 'That was cut because it was too long. Answer more briefly.'),
    );
  }

  private validatorOf(schema: LabelRequest['schema']): ValidateFunction {
    const text = JSON.stringify(schema);
    const known = this.validators.get(text);
    if (known) return known;
    const made = this.ajv.compile(schema);
    this.validators.set(text, made);
    return made;
  }
}

/** The question again, with the reply and what is wrong with it: at temperature 0 the same question would get the same reply. */
function repaired(
  request: LabelRequest,
  content: string | null | undefined,
  maxTokens: number,
  fault: string,
): LabelRequest {
  const schema = JSON.stringify(request.schema);
  return {
    ...request,
    maxTokens,
    messages: [
      ...request.messages,
      { role: 'assistant', content: (content || '(nothing)').slice(0, SHOWN) },
      {
        role: 'user',
        content: `${fault} Answer with one JSON object of this schema, and nothing else: ${schema}`,
      },
    ],
  };
}
