import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ComputeError } from '../../ml/failure.ts';
import { createTokenizer, type TokenizerDocument } from '../../ml/tokenizers/load.ts';
import { PATIENCE, runs } from './effort.ts';
import { mutatedJson } from './mutations.ts';

const FIXTURES = 'test/fixtures/tokenizers';
const documents = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.json'))
  .map((name) => readFileSync(join(FIXTURES, name), 'utf8'))
  // Each run copies it: the small ones tell as much.
  .filter((text) => text.length < 200_000)
  .map((text) => JSON.parse(text) as TokenizerDocument)
  .filter(({ model }) => model?.vocab !== undefined);

/** A tokenizer that gives ids, or one error that says what is bad. */
function mustHold(document: TokenizerDocument): void {
  try {
    const ids = createTokenizer(document).encode('A good film, really.');
    expect(ids.every((id) => Number.isInteger(id))).toBe(true);
  } catch (error) {
    expect(error).toBeInstanceOf(ComputeError);
    expect((error as ComputeError).code).toBe('bad-tokenizer');
  }
}

test('there are documents to change', () => {
  expect(documents.length).toBeGreaterThan(1);
  for (const document of documents) mustHold(document);
});

test(
  'documents with some values changed',
  () => {
    fc.assert(fc.property(fc.oneof(...documents.map((one) => mutatedJson(one))), mustHold), runs(150));
  },
  PATIENCE,
);

test(
  'any JSON as a document',
  () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (document) => mustHold(document as never)),
      runs(300),
    );
  },
  PATIENCE,
);
