import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { ComputeError } from '../failure.ts';

/** One turn of a conversation. */
export interface Message {
  role: string;
  content: string;
}

export interface ChatOptions {
  /** Ends with what opens the assistant's turn, for generating. */
  addGenerationPrompt?: boolean;
}

type Special = string | { content: string } | null | undefined;

/** Writes conversations as the texts that a model was tuned on. */
export class ChatTemplate {
  private readonly template: Template;

  /**
   * @param source Jinja, as `transformers` reads it (blocks trimmed)
   * @param variables what the template may name besides the messages: bos_token, eos_token ...
   * @throws ComputeError bad-tokenizer when it is not Jinja
   */
  constructor(
    source: string,
    private readonly variables: Record<string, unknown> = {},
    private readonly where = 'chat_template',
  ) {
    try {
      this.template = new Template(source);
    } catch (error) {
      throw new ComputeError('bad-tokenizer', `${where}: ${(error as Error).message}`);
    }
  }

  /** Equal to `apply_chat_template(messages, tokenize=False)`. @throws ComputeError bad-data when the template refuses */
  apply(messages: readonly Message[], options: ChatOptions = {}): string {
    try {
      return this.template.render({
        ...this.variables,
        ...{ messages, tools: null, documents: null },
        add_generation_prompt: options.addGenerationPrompt ?? false,
      });
    } catch (error) {
      throw new ComputeError('bad-data', `${this.where}: ${(error as Error).message}`, {
        hint: 'The template does not take these turns: most want user and assistant by turns, some no system turn.',
      });
    }
  }
}

/**
 * The chat template of a Hugging Face directory: chat_template.jinja, or the one in tokenizer_config.json (of several the
 * one named `default`); null when it has none.
 */
export function loadChatTemplate(directory: string): ChatTemplate | null {
  const settingsFile = join(directory, 'tokenizer_config.json');
  const settings = existsSync(settingsFile)
    ? (JSON.parse(readFileSync(settingsFile, 'utf8')) as Record<string, unknown>)
    : {};
  const file = join(directory, 'chat_template.jinja');
  const source = existsSync(file) ? readFileSync(file, 'utf8') : defaultOf(settings.chat_template);
  if (source === undefined) return null;
  const special = Object.entries(settings)
    .filter(([name]) => name.endsWith('_token'))
    .map(([name, token]) => [name, contentOf(token as Special)])
    .filter(([, token]) => typeof token === 'string');
  return new ChatTemplate(source, Object.fromEntries(special), existsSync(file) ? file : settingsFile);
}

function defaultOf(template: unknown): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  return (template as { name: string; template: string }[]).find(({ name }) => name === 'default')?.template;
}

const contentOf = (token: Special): string | undefined =>
  typeof token === 'object' && token !== null ? token.content : (token ?? undefined);
