import { beforeAll, expect, test } from 'vitest';
import { tensorflow } from '../../../../ml/engine/engine.ts';
import { loadModel } from '../../../../ml/models/load.ts';
import type { LanguageModel, Tokenizer } from '../../../../ml/models/types.ts';
import { tokenisePairs } from '../../../../ml/preferences/token-pairs.ts';
import { responsesAlone, responsesInContext } from '../../../../ml/probes/preferences/responses.ts';
import { loadTokenizer } from '../../../../ml/tokenizers/load.ts';
import { modelArtifact } from '../../activations/small-model.ts';

let model: LanguageModel;
let tokenizer: Tokenizer;
const pairs = [
  { prompt: 'the film was', chosen: ' great fine warm', rejected: ' dull' },
  { prompt: 'a scene is', chosen: ' so odd', rejected: ' cold but very odd and dull' },
  { prompt: 'the plot was', chosen: ' fine', rejected: ' so very cold' },
];
const options = () => ({
  model,
  places: [0, 2].map((layer) => ({ site: 'mlp_out' as const, layer })),
  batch: 2,
  padId: tokenizer.padId,
});
const alone = (padMean: boolean, rejectedTokens: number | null) =>
  responsesAlone(pairs, tokenizer, { padMean, rejectedTokens }, 128, options());
const row = ({ data, columns }: { data: ArrayLike<number>; columns: number }, i: number) =>
  Array.from({ length: columns }, (_, j) => data[i * columns + j] as number);

beforeAll(async () => {
  const { directory } = modelArtifact('m');
  model = await loadModel(directory);
  tokenizer = loadTokenizer(directory);
});

/** The mean over positions [from, to) of what the model computes for these ids alone. */
function meanOf(ids: number[], from: number, to: number): number[] {
  const sums = [0, 2].map((layer) => {
    const sum = new Array<number>(model.width).fill(0);
    model.observe(
      // One row, nothing else beside it.
      tensor(ids),
      [
        {
          site: 'mlp_out',
          layer,
          run: (acts_BTD) => {
            const acts = acts_BTD.dataSync();
            for (let t = from; t < to; t++)
              for (let d = 0; d < model.width; d++)
                sum[d]! += (acts[t * model.width + d] as number) / (to - from);
            return undefined;
          },
        },
      ],
    );
    return sum;
  });
  return sums.flat();
}

const tensor = (ids: number[]) => tensorflow().tensor2d([ids], [1, ids.length], 'int32');

test('means are over the response in its context, layers side by side', () => {
  const { pairs: tokens } = tokenisePairs(pairs, tokenizer, {
    ...{ maxTokens: 32, maxPromptTokens: 16, keep: 'end' as const, endOfText: false },
  });
  const rows = responsesInContext(tokens, options());
  expect([rows.rows, rows.columns]).toEqual([6, 2 * model.width]);
  const { ids, promptLength } = tokens[1]!.rejected;
  const expected = meanOf(Array.from(ids), promptLength, ids.length);
  row(rows, 3).forEach((value, j) => {
    expect(value).toBeCloseTo(expected[j] as number, 5);
  });
});

test('each published mistake does what it is called after, and nothing else', () => {
  const plain = alone(false, null);
  const ids = (text: string) => tokenizer.encode(text);
  const own = ids(pairs[1]!.rejected);
  const close = (actual: number[], expected: number[]) => {
    actual.forEach((value, j) => {
      expect(value).toBeCloseTo(expected[j] as number, 5);
    });
  };
  close(row(plain, 3), meanOf(own, 0, own.length));

  // Rejected responses end early, the preferred ones do not.
  const cut = alone(false, 2);
  close(row(cut, 3), meanOf(own.slice(0, 2), 0, 2));
  for (const i of [0, 2, 4]) expect(row(cut, i)).toEqual(row(plain, i));

  // Batches of two, of one class: 'great fine warm' and 'so odd', then 'fine' alone.
  const padded = alone(true, null);
  const longest = ids(pairs[0]!.chosen).length;
  const second = ids(pairs[1]!.chosen);
  const filled = [...second, ...new Array<number>(longest - second.length).fill(tokenizer.padId)];
  close(row(padded, 2), meanOf(filled, 0, longest));
  close(row(padded, 0), row(plain, 0));
  close(row(padded, 4), row(plain, 4));
  expect(row(padded, 2)).not.toEqual(row(plain, 2));
});
