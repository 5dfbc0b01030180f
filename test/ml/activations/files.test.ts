import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tokensOfSpan } from '../../../ml/activations/align.ts';
import { RowBatches } from '../../../ml/activations/batches.ts';
import { openActivations } from '../../../ml/activations/read.ts';
import { RowOrder } from '../../../ml/activations/shuffle.ts';
import { ActivationsWriter } from '../../../ml/activations/write.ts';
import { temporaryDirectory } from './run-body.ts';

/** `rows` rows of width 4, row r holding r, r + 0.25, r + 0.5, r + 0.75; ten rows a shard. */
function write(rows: number): string {
  const directory = temporaryDirectory();
  const writer = new ActivationsWriter({
    directory,
    layers: [3],
    site: 'mlp_out',
    width: 4,
    shardBytes: 160,
  });
  for (let start = 0; start < rows; start += 7) {
    const count = Math.min(7, rows - start);
    for (let r = start; r < start + count; r++) writer.note(r, Math.floor(r / 5), r % 5);
    writer.append(
      3,
      Float32Array.from({ length: count * 4 }, (_, i) => start + i / 4),
    );
  }
  const texts = { total: 9, visited: 9, shuffle: null };
  writer.finish({
    model: 'm',
    source: { type: 'texts', data: 'd', texts, maxLength: 5, skippedPositions: 0, padding: false },
  });
  return directory;
}

test('any range of rows can be read, over the ends of shards', () => {
  const activations = openActivations(write(43));
  expect(activations.index.layers[0]!.shards.map(({ rows }) => rows)).toEqual([10, 10, 10, 10, 3]);
  for (const [start, end] of [
    [0, 43],
    [9, 31],
    [40, 43],
    [20, 20],
  ] as const) {
    expect(activations.rows(3, start, end)).toEqual(
      Float32Array.from({ length: (end - start) * 4 }, (_, i) => start + i / 4),
    );
  }
  expect(activations.mean(3)[0]).toBeCloseTo(21, 6);
  expect(activations.origins().text[42]).toBe(8);
  expect(() => activations.rows(3, 40, 44)).toThrow(RangeError);
  expect(() => activations.rows(2, 0, 1)).toThrow('Layer 2 was not captured: 3 were');
});

test('a truncated shard and a missing file are named', () => {
  const directory = write(43);
  truncateSync(join(directory, 'layer-3-0001.safetensors'), 120);
  const activations = openActivations(directory);
  expect(activations.rows(3, 0, 10)).toHaveLength(40);
  expect(() => activations.rows(3, 10, 11)).toThrow(/layer-3-0001\.safetensors.*truncated/);
  expect(() => openActivations(temporaryDirectory())).toThrow(/activations\.json/);
});

test('an epoch hands out every row once, in another order each time', () => {
  for (const buffer of [1000, 64, 8]) {
    const order = new RowOrder({ rows: 100, buffer, block: 8, shuffle: { seed: 1, name: 'test' } });
    const epochs = [0, 1].map((epoch) =>
      Array.from({ length: order.buffersPerEpoch }, (_, i) => {
        const { blocks, order: handed } = order.plan(epoch, i);
        const read = blocks.flatMap(([from, to]) => Array.from({ length: to - from }, (_, r) => from + r));
        expect(read.length).toBeLessThanOrEqual(Math.max(8, buffer));
        return Array.from(handed, (at) => read[at]!);
      }).flat(),
    );
    for (const rows of epochs) {
      expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, r) => r));
    }
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[0]).not.toEqual(Array.from({ length: 100 }, (_, r) => r));
  }
});

test('batches run through epochs without a seam, and any can be asked for first', () => {
  const activations = openActivations(write(600));
  const options = {
    layer: 3,
    rows: 590,
    batch: 64,
    scale: 2,
    shuffle: { seed: 1, name: 'test' },
    bufferBytes: 256 * 16,
  };
  const batches = new RowBatches(activations, options);
  const seen: number[] = [];
  const kept: Float32Array[] = [];
  for (let step = 0; step < 19; step++) {
    const batch = batches.batch(step);
    kept.push(batch);
    for (let b = 0; b < 64; b++) seen.push(batch[b * 4]! / 2);
  }
  const all = Array.from({ length: 590 }, (_, r) => r);
  expect(seen.slice(0, 590).sort((a, b) => a - b)).toEqual(all);
  expect(seen.slice(590, 1180).sort((a, b) => a - b)).toEqual(all);
  for (const step of [18, 3, 9]) expect(new RowBatches(activations, options).batch(step)).toEqual(kept[step]);
  const plain = new RowBatches(activations, { ...options, scale: 1, shuffle: null });
  expect(plain.batch(9)[56]).toBe(0);
  expect(plain.batch(0)[4]).toBe(1);
});

test('a span is the tokens that share a character with it', () => {
  const offsets: [number, number][] = [
    [0, 3],
    [3, 8],
    [8, 10],
    [11, 12],
  ];
  expect(tokensOfSpan(offsets, [4, 10])).toEqual({ from: 1, to: 3 });
  expect(tokensOfSpan(offsets, [0, 3])).toEqual({ from: 0, to: 1 });
  expect(tokensOfSpan(offsets, [10, 11])).toBeNull();
});
