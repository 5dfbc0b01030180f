import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChatTemplate, loadChatTemplate, type Message } from '../../../ml/tokenizers/chat-template.ts';

interface Fixture {
  templates: Record<string, string>;
  conversations: Message[][];
  rows: { template: string; conversation: number; prompt: boolean; text: string | null }[];
}
const fixture = JSON.parse(readFileSync('test/fixtures/tokenizers/chat.json', 'utf8')) as Fixture;
const special = { bos_token: '<s>', eos_token: '</s>' };

describe('equal to apply_chat_template of transformers', () => {
  test.each(fixture.rows.map((row) => [row.template, row.conversation, row.prompt, row.text] as const))(
    '%s, conversation %i, generation prompt %s',
    (name, conversation, addGenerationPrompt, text) => {
      const template = new ChatTemplate(fixture.templates[name] as string, special);
      const apply = () =>
        template.apply(fixture.conversations[conversation] as Message[], { addGenerationPrompt });
      if (text === null) expect(apply).toThrow(/must alternate|not supported/);
      else expect(apply()).toBe(text);
    },
  );
});

test('a directory: its own file before tokenizer_config.json, special tokens as text or object, the default of several', () => {
  const directory = mkdtempSync(join(tmpdir(), 'chat-'));
  expect(loadChatTemplate(directory)).toBeNull();
  const write = (settings: object) =>
    writeFileSync(join(directory, 'tokenizer_config.json'), JSON.stringify(settings));
  write({ bos_token: '<s>' });
  expect(loadChatTemplate(directory)).toBeNull();
  const tokens = { bos_token: { content: '<s>' }, eos_token: '</s>' };
  write({ ...tokens, chat_template: '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}' });
  const hello = [{ role: 'user', content: 'hello' }];
  expect(loadChatTemplate(directory)?.apply(hello)).toBe('<s>hello</s>');
  const several = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template: 'default' },
  ];
  write({ ...tokens, chat_template: several });
  expect(loadChatTemplate(directory)?.apply(hello)).toBe('default');
  writeFileSync(join(directory, 'chat_template.jinja'), 'own {{ bos_token }}');
  expect(loadChatTemplate(directory)?.apply(hello)).toBe('own <s>');
  writeFileSync(join(directory, 'chat_template.jinja'), '{% for %}');
  expect(() => loadChatTemplate(directory)).toThrow(/chat_template\.jinja: /);
});
