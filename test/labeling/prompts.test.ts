import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { classifyPaperRequest } from '../../labeling/prompts/classify-paper.ts';
import { explainRequest } from '../../labeling/prompts/explain.ts';
import { explainPaperRequest } from '../../labeling/prompts/explain-paper.ts';
import { detectRequest, fuzzRequest } from '../../labeling/prompts/judge-windows.ts';
import { simulateRequest } from '../../labeling/prompts/simulate.ts';
import { windowText } from '../../labeling/prompts/window-text.ts';
import { describedFeature } from '../ml/features/annotation/features.ts';

const feature = describedFeature(3, 'good');
const said = (request: { messages: { content: string }[] }) => request.messages.map(({ content }) => content);

test('tokens that hold their spaces and words that do not both make running text, marks around the token alone', () => {
  expect(windowText([' un', 'happy', ' end'])).toBe('unhappy end');
  expect(windowText(['a', 'good', 'end'])).toBe('a good end');
  expect(windowText([' un', 'happy', ' end'], [false, false, true])).toBe('unhappy <<end>>');
});

test('the modern question shows marked text with activations on one scale for the feature', () => {
  const [, user] = said(explainRequest(feature));
  expect(user).toContain('Excerpt 1: a b <<good>> c <<the>> d\nActivations: ("good", 10), ("the", 5)');
  expect(user).toContain('Excerpt 2: a b <<good>> c <<the>> d\nActivations: ("good", 9), ("the", 5)');
  const silent = { ...feature, examples: [{ ...feature.examples[0]!, activations: [0, 0, 0, 0, 0, 0] }] };
  expect(said(explainRequest(silent))[1]).toContain('Excerpt 1: a b good c the d\nActivations: none');
});

test('the paper’s question sends a message a record, each scaled to its own peak; sparse ones repeat what fires', () => {
  const sparse = {
    ...feature,
    examples: [
      feature.examples[1]!,
      {
        ...feature.examples[0]!,
        tokens: ['a', 'b', 'c', 'd', 'e', 'good'],
        activations: [0, 0, 0, 0, 0, 0.1],
      },
    ],
  };
  const messages = said(explainPaperRequest(sparse));
  expect(messages).toHaveLength(4);
  expect(messages[1]).toBe('a\t0\nb\t0\ngood\t10\nc\t0\nthe\t5\nd\t0');
  expect(messages[2]).toBe('a\t0\nb\t0\nc\t0\nd\t0\ne\t0\ngood\t10\n\ngood\t10');
});

test('the paper’s classification has no way to abstain', () => {
  const validate = new Ajv2020({ strict: false }).compile(classifyPaperRequest('x', 'y').schema);
  expect([{ label: 1 }, { label: 0 }, { label: 'unsure' }, {}].map((value) => validate(value))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('an answer about fewer or more windows than were asked about is no answer', () => {
  const ajv = new Ajv2020({ strict: false });
  const detect = detectRequest('x', [['a'], ['b']]);
  const validate = ajv.compile(detect.schema);
  expect(
    [[true, false], [true], [true, true, true], ['yes', 'no']].map((answers) => validate({ answers })),
  ).toEqual([true, false, false, false]);
  const levels = ajv.compile(simulateRequest('x', ['a', 'b']).schema);
  expect([[0, 10], [0], [0, 11], [0.5, 1]].map((of) => levels({ levels: of }))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('what is asked shows the description and the windows, and nothing of the activations', () => {
  const windows = feature.heldOut.map(({ tokens }) => tokens);
  expect(said(detectRequest('words of praise', windows))[1]).toContain('1. "a b good c the d"');
  const marked = [{ tokens: windows[0]!, marked: [true, false, false, false, false, false] }];
  const fuzz = said(fuzzRequest('words of praise', marked))[1];
  expect(fuzz).toContain('1. "<<a>> b good c the d"');
  expect(fuzz).not.toContain('10');
});
