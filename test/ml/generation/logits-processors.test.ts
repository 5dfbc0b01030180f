import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ProcessorOptions, processLogits } from '../../../ml/generation/logits-processors.ts';

/** Made by test/fixtures/make/logits_processors.py with `transformers`. */
const reference = JSON.parse(readFileSync('test/fixtures/logits-processors.json', 'utf8')) as {
  logits: number[][];
  seen: number[][];
  cases: { options: Partial<ProcessorOptions>; logits: (number | null)[][] }[];
};

const none: ProcessorOptions = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

test.each(reference.cases)('$options leaves the logits that transformers leaves', ({ options, logits }) => {
  for (const [row, expected] of logits.entries()) {
    const given = Float32Array.from(reference.logits[row] as number[]);
    const before = given.slice();
    const actual = processLogits(given, reference.seen[row] as number[], { ...none, ...options });
    expect(given).toEqual(before);
    expect(Array.from(actual, (x) => x === Number.NEGATIVE_INFINITY)).toEqual(
      expected.map((x) => x === null),
    );
    for (const [i, x] of expected.entries())
      if (x !== null) expect(Math.abs((actual[i] as number) - x)).toBeLessThan(1e-5);
  }
});
