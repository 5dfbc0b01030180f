import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { words } from '../../../ml/rewards/words.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/spacy-words.json', import.meta.url), 'utf8'),
) as { cases: { text: string; words: string[] }[] };

test.each(fixture.cases)('splits as spaCy does: $text', ({ text, words: expected }) => {
  expect(words(text)).toEqual(expected);
});

test('nothing in, nothing out', () => {
  expect(words('')).toEqual([]);
  expect(words(' \n\t\u0085')).toEqual([]);
});

test('an emoticon stays whole also between brackets and behind a word', () => {
  expect(words('funny:) (foo):')).toEqual(['funny', ':)', '(', 'foo', '):']);
});

test('no character but white space is lost', () => {
  const text = "He said: \"It's a ---weird--- mix (of 1,000 things)...don't've;'' go!\" <br/>";
  expect(words(text).join('')).toBe(text.replaceAll(' ', ''));
});
