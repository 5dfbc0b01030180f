import { beforeAll, expect, test } from 'vitest';
import { nextTokenSampler } from '../../../ml/generation/next-token.ts';
import { sample } from '../../../ml/generation/sample.ts';
import { loadModel } from '../../../ml/models/load.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { stream } from '../../../ml/random/stream.ts';

let model: LanguageModel;
beforeAll(async () => {
  model = await loadModel('test/fixtures/tiny-models/gpt_neox');
});

const prompts = [[11, 48, 85, 25, 62], [67, 7], [44, 81, 21, 58], [3]];
const base = { eosId: null, padId: 0, maxNewTokens: 14 };
const draws = () => stream(7, 'test');
const own = (prompt: readonly number[]) => stream(5, `row ${prompt.join()}`);
const idsOf = (rows: readonly (readonly number[])[], options = {}) =>
  sample(model, rows, { ...base, ...options, streams: rows.map(own) }, draws()).map(({ ids }) => ids);

test.each([{}, { temperature: 0.7, topK: 20, minP: 0.01, repetitionPenalty: 1.2 }])(
  "a row's text does not depend on the batch it is in (%o)",
  (options) => {
    const together = idsOf(prompts, options);
    for (const [i, prompt] of prompts.entries()) expect(idsOf([prompt], options)).toEqual([together[i]]);
    expect(idsOf([...prompts].reverse(), options)).toEqual([...together].reverse());
    expect(new Set(together.map((ids) => ids.join())).size).toBe(4);
  },
);

test('a row is over when its text contains a stop string, and the others go on unchanged', () => {
  const decode = (ids: readonly number[]) => ids.map((id) => `<${id}>`).join('');
  const free = idsOf(prompts);
  // Over two tokens.
  const [a, b] = free[1]!.slice(4, 6) as [number, number];
  const stopped = idsOf(prompts, { stop: { strings: [`${a}><${b}`, 'never'], decode } });
  for (const [i, ids] of free.entries()) {
    const at = ids.findIndex((id, j) => id === a && ids[j + 1] === b);
    expect(stopped[i]).toEqual(at < 0 ? ids : ids.slice(0, at + 2));
  }
  expect(stopped[1]!.length).toBeLessThanOrEqual(6);
});

test('at temperature 0 a huge penalty lets no token come twice, and min-p 1 is greedy', () => {
  const [ids] = idsOf([prompts[0]!], { temperature: 0, repetitionPenalty: 1e6 });
  expect(new Set([...prompts[0]!, ...ids!]).size).toBe(prompts[0]!.length + ids!.length);
  expect(idsOf(prompts, { minP: 1 })).toEqual(idsOf(prompts, { temperature: 0 }));
});

test('options out of range and missing streams are refused by name', () => {
  expect(() => nextTokenSampler({ minP: 1.5 })).toThrow('minP is 1.5');
  expect(() => nextTokenSampler({ repetitionPenalty: 0 })).toThrow('repetitionPenalty is 0');
  expect(() => sample(model, prompts, { ...base, streams: [draws()] }, draws())).toThrow(
    'Row 1 has no stream',
  );
});
