import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run as files } from '../../../activities/kinds/data.files.ts';
import { run as preferences } from '../../../activities/kinds/data.preferences.ts';
import { readPreferences } from '../../../activities/preferences.ts';
import { tinyDirectories } from '../../ml/rlhf/tiny.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const HH = {
  'text-field': 'chosen',
  columns: { rejected: 'rejected' },
  whitespace: 'keep',
  'strip-markup': false,
};

/** The rows as data.files reads them from a file, which is how they come. */
async function rows(lines: readonly object[], params: Record<string, unknown>) {
  const path = join(mkdtempSync(join(tmpdir(), 'rows-')), 'rows.jsonl');
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const read = await runBody('data.files', files, {
    path: { $path: path, sha256: '0'.repeat(64) },
    shuffle: false,
    ...params,
  });
  return materialised('texts', directoryOf(read, 'texts'));
}

const turn = (question: string, answer: string) => `\n\nHuman: ${question}\n\nAssistant:${answer}`;
const opening = turn('hello', ' hi');
const dialogues = [
  { chosen: opening + turn('how?', ' like this'), rejected: opening + turn('how?', '  no') },
  { chosen: turn('a?', ' x'), rejected: turn('a?', ' x') },
  { chosen: turn('a?', ' x'), rejected: turn('b?', ' y') },
  { chosen: turn('a?', ' x'), rejected: turn('a?', ' ') },
  { chosen: turn('a?', ' x'), rejected: 'no turns at all' },
];

test('dialogues are split at the last turn of the assistant; rows that are no pair are counted by what they are', async () => {
  const result = await runBody('data.preferences', preferences, { from: await rows(dialogues, HH) });
  expect(await readPreferences(directoryOf(result, 'preferences'))).toEqual([
    { prompt: `${opening}\n\nHuman: how?\n\nAssistant:`, chosen: ' like this', rejected: '  no' },
  ]);
  const { pairs, equal, prompt_differs, empty, unreadable, chosen_longer } = result!.metrics;
  expect([pairs, equal, prompt_differs, empty, unreadable].map((metric) => metric!.value)).toEqual([
    1, 1, 1, 1, 1,
  ]);
  expect(chosen_longer!.value).toBe(1);
});

test('with `on-bad: refuse` the first row that is no pair is named; with no pair left, what the rows have', async () => {
  const from = await rows(dialogues, HH);
  await expect(runBody('data.preferences', preferences, { from, 'on-bad': 'refuse' })).rejects.toThrow(
    'row 2 is not a pair: both sides are the same',
  );
  await expect(runBody('data.preferences', preferences, { from, rejected: 'loser' })).rejects.toThrow(
    'row 1 is not a pair: it has no text in `loser` (it has text, rejected)',
  );
});

const columns = Array.from({ length: 200 }, (_, i) => ({
  question: `question ${i % 50}`,
  good: ` yes ${i}`,
  bad: ` no ${i}`,
  gap: i / 10,
}));
const fields = { format: 'columns', prompt: 'question', rejected: 'bad', margin: 'gap' };
const readColumns = {
  'text-field': 'good',
  columns: { question: 'question', bad: 'bad', gap: 'gap' },
  whitespace: 'keep',
};

test('columns: margins are kept, no prompt is on both sides of the split, a sample is one of the pairs', async () => {
  const from = await rows(columns, readColumns);
  const read = async (params: Record<string, unknown>, seed = 0) => {
    const result = await runBody('data.preferences', preferences, { from, ...fields, ...params }, { seed });
    const [kept, held] = await Promise.all(
      ['preferences', 'held_out'].map((output) => readPreferences(directoryOf(result, output))),
    );
    return { kept: kept!, held: held! };
  };
  const { kept, held } = await read({ 'held-out': 0.3 });
  expect(kept.length + held.length).toBe(200);
  expect(held.length).toBeGreaterThan(20);
  const prompts = new Set(kept.map(({ prompt }) => prompt));
  expect(held.filter(({ prompt }) => prompts.has(prompt))).toEqual([]);
  expect(kept[0]!.margin).toBe(Number(kept[0]!.chosen.slice(5)) / 10);
  const sample = await read({ count: 60 });
  expect(sample.kept).toHaveLength(60);
  expect(new Set(sample.kept.map(({ chosen }) => chosen)).size).toBe(60);
  expect((await read({ count: 60 }, 1)).kept).not.toEqual(sample.kept);
});

test('the chat template writes the conversation, and an answer with the end of its turn', async () => {
  const { model } = tinyDirectories();
  const template = [
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}",
    '{% if add_generation_prompt %}<assistant>{% endif %}',
  ].join('');
  const settings = join(model, 'tokenizer_config.json');
  const chat = async (from: unknown, params: Record<string, unknown>) => {
    const result = await runBody('data.preferences', preferences, {
      ...{ from, template: 'chat', model: materialised('model', model) },
      ...params,
    });
    return (await readPreferences(directoryOf(result, 'preferences')))[0];
  };
  const from = await rows(dialogues, HH);
  await expect(chat(from, {})).rejects.toThrow('has no chat template');
  writeFileSync(
    settings,
    JSON.stringify({ ...JSON.parse(readFileSync(settings, 'utf8')), chat_template: template }),
  );
  expect(await chat(from, {})).toEqual({
    prompt: '<user>hello<end><assistant>hi<end><user>how?<end><assistant>',
    chosen: 'like this<end>',
    rejected: 'no<end>',
  });
  expect(await chat(await rows(columns, readColumns), fields)).toEqual({
    prompt: '<user>question 0<end><assistant>',
    chosen: 'yes 0<end>',
    rejected: 'no 0<end>',
    margin: 0,
  });
});

const hh = fileURLToPath(new URL('../../../../shared/data/hh-harmless-1800.jsonl.gz', import.meta.url));

test.skipIf(!existsSync(hh))('pairs of HH-RLHF as it is published (needs ../shared/data)', async () => {
  const read = await runBody('data.files', files, { path: { $path: hh, sha256: '0'.repeat(64) }, ...HH });
  const from = materialised('texts', directoryOf(read, 'texts'));
  const result = await runBody('data.preferences', preferences, { from, 'held-out': 0.1 });
  const { metrics } = result!;
  const count = (name: string) => metrics[name]!.value;
  const left = ['pairs', 'held_out', 'equal', 'prompt_differs', 'empty', 'unreadable'];
  expect(left.reduce((sum, name) => sum + count(name), 0)).toBe(1800);
  expect(count('pairs')).toBeGreaterThan(1500);
  expect(count('unreadable')).toBe(0);
  const pairs = await readPreferences(directoryOf(result, 'preferences'));
  expect(pairs.every(({ prompt }) => prompt.endsWith('\n\nAssistant:'))).toBe(true);
});
