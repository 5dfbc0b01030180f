import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MappedFloats } from '../../../ml/engine/mapped-floats.ts';
import { gptNeoXConfig } from '../../../ml/models/gpt-neox-config.ts';
import { createModel } from '../../../ml/models/initialise.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { SafetensorsFile } from '../../../ml/models/safetensors-file.ts';
import { saveModel } from '../../../ml/models/save.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';
import { adam } from '../../../ml/optimisers/adam.ts';
import { stream } from '../../../ml/random/stream.ts';

/** Matrices of a megabyte and more, which are mapped, and vectors, which are read. */
const config = gptNeoXConfig({
  ...{ layers: 1, width: 256, heads: 4, mlpWidth: 1024, vocabulary: 1500, maxPositions: 64 },
  ...{ rotaryFraction: 0.25, parallelResidual: true, tied: false, bosId: 0, eosId: 0 },
});
const values = (model: LanguageModel) =>
  new Map([...model.parameters].map(([name, parameter]) => [name, [...parameter.dataSync()]]));

let directory: string;
let file: string;
let expected: Map<string, number[]>;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mapped-'));
  file = join(directory, 'model.safetensors');
  const model = createModel(config, (name) => stream(0, name));
  expected = values(model);
  saveModel(model, [], directory);
  model.dispose();
});
afterAll(() => rmSync(directory, { recursive: true }));

test('saved matrices lie where they can be mapped', () => {
  const opened = SafetensorsFile.open(file);
  const { dataStart, tensors } = opened.header;
  const large = [...tensors.values()].filter(({ begin, end }) => end - begin >= 2 ** 20);
  expect(large.length).toBe(4);
  for (const { begin, end } of large)
    expect(MappedFloats.aligned(dataStart + begin, dataStart + end)).toBe(true);
  opened.close();
});

test('what is loaded is what was saved; training moves the model and never the file', async () => {
  const before = readFileSync(file);
  const model = await loadModel(directory);
  expect(values(model)).toEqual(expected);
  const optimiser = adam(model.parameters);
  const ones = new Map([...model.parameters].map(([name, parameter]) => [name, parameter.mul(0).add(1)]));
  for (let i = 0; i < 3; i++) optimiser.step(ones, 0.01);
  for (const [name, moved] of values(model)) {
    const start = expected.get(name) as number[];
    expect(moved[0], name).toBeCloseTo((start[0] as number) - 0.03, 4);
  }
  expect(readFileSync(file).equals(before)).toBe(true);
  for (const gradient of ones.values()) gradient.dispose();
  optimiser.dispose();
  model.dispose();
});

test('a file that is saved over leaves the model that was loaded from it as it was', async () => {
  const model = await loadModel(directory);
  const other = createModel(config, (name) => stream(1, name));
  saveModel(other, [], directory);
  expect(values(model)).toEqual(expected);
  // And a model can be saved to where it came from.
  saveModel(model, [], directory);
  const again = await loadModel(directory);
  expect(values(again)).toEqual(expected);
  for (const each of [model, other, again]) each.dispose();
});
