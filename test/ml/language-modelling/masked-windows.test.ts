import { expect, test } from 'vitest';
import { exampleOf, maskedWindows } from '../../../ml/language-modelling/masked-windows.ts';
import { predictedTokens, takeWindows } from '../../../ml/language-modelling/windows.ts';

/** One token a character. */
const encode = (text: string) => ({
  ids: Array.from(text, (letter) => letter.charCodeAt(0)),
  offsets: Array.from(text, (_, i): [number, number] => [i, i + 1]),
});

test('the completion is what follows the last separator', () => {
  expect(exampleOf('q: a? r: b', 'r:', encode)?.completion).toBe(8);
  expect(exampleOf('r: x r: y', 'r:', encode)?.completion).toBe(7);
  expect(exampleOf('no answer', 'r:', encode)).toBeNull();
  expect(exampleOf('q r:', 'r:', encode)).toBeNull();
});

test('only the completion and its end are predicted, padding never', () => {
  const examples = [
    { ids: [1, 2, 3, 4], completion: 2 },
    { ids: [5, 6, 7, 8, 9, 10, 11], completion: 4 },
    { ids: [1, 1, 1, 1, 1, 1, 1, 1], completion: 6 },
    { ids: [3], completion: 0 },
  ];
  const { windows, tooLong, cut } = maskedWindows(examples, 5, 0);
  expect({ count: windows.count, tooLong, cut }).toEqual({ count: 3, tooLong: 1, cut: 1 });
  expect(Array.from(windows.tokens)).toEqual([1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 9, 10, 3, 0, 0, 0, 0, 0]);
  expect(Array.from(windows.scored)).toEqual([0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0]);
  expect(predictedTokens(takeWindows(windows, [0, 1, 2]))).toBe(6);
  expect(predictedTokens(takeWindows(windows, [2]))).toBe(1);
});
