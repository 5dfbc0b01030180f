import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tokensOfSpan } from '../../../ml/activations/align.ts';
import { RowBatches } from '../../../ml/activations/batches.ts';
import { openActivations } from '../../../ml/activations/read.ts';
import { difference, placeRows, requireSameRows, sideBySide } from '../../../ml/activations/row-source.ts';
import { RowOrder } from '../../../ml/activations/shuffle.ts';
import type { StoredDtype } from '../../../ml/activations/types.ts';
import { ActivationsWriter } from '../../../ml/activations/write.ts';
import { temporaryDirectory } from './run-body.ts';

/** `rows` rows of width 4, row r holding r, r + 0.25, r + 0.5, r + 0.75; ten rows a shard. */
function write(rows: number, dtype: StoredDtype = 'f32'): string {
  const directory = temporaryDirectory();
  const writer = new ActivationsWriter({
    directory,
    places: [{ site: 'mlp_out', layer: 3 }],
    width: 4,
    dtype,
    shardBytes: dtype === 'f32' ? 160 : 80,
  });
  for (let start = 0; start < rows; start += 7) {
    const count = Math.min(7, rows - start);
    for (let r = start; r < start + count; r++) writer.note(r, Math.floor(r / 5), r % 5);
    writer.append([Float32Array.from({ length: count * 4 }, (_, i) => start + i / 4)]);
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
  expect(activations.index.captures[0]!.shards.map(({ rows }) => rows)).toEqual([10, 10, 10, 10, 3]);
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

test('f16 takes half the room; its statistics are of the rounded numbers', () => {
  // Quarters are exact up to 511.75, halves up to 1023.5, then whole numbers.
  const activations = openActivations(write(1100, 'f16'));
  const { shards, meanSquareNorm } = activations.index.captures[0]!;
  expect(shards[0]!.rows).toBe(10);
  const rows = activations.rows(3, 0, 1100);
  expect([...rows.subarray(4 * 511, 4 * 512)]).toEqual([511, 511.25, 511.5, 511.75]);
  expect([...rows.subarray(4 * 601, 4 * 602)]).toEqual([601, 601, 601.5, 602]);
  expect(meanSquareNorm).toBeCloseTo(rows.reduce((sum, value) => sum + value * value, 0) / 1100, 4);
  const writer = new ActivationsWriter({
    ...{ directory: temporaryDirectory(), places: [{ site: 'block_out', layer: 1 }] },
    ...{ width: 2, dtype: 'f16', shardBytes: 80 },
  });
  expect(() => writer.append([Float32Array.of(1, 70_000)])).toThrow(
    'block_out of layer 1 are too large for f16',
  );
});

test('a truncated, a changed and a missing shard are named', () => {
  const directory = write(43);
  truncateSync(join(directory, 'mlp_out-3-0001.safetensors'), 120);
  const flipped = join(directory, 'mlp_out-3-0002.safetensors');
  const bytes = readFileSync(flipped);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(flipped, bytes);
  rmSync(join(directory, 'mlp_out-3-0003.safetensors'));
  rmSync(join(directory, 'rows-0000.safetensors'));
  const activations = openActivations(directory);
  expect(activations.rows(3, 0, 10)).toHaveLength(40);
  expect(() => activations.rows(3, 10, 11)).toThrow(/mlp_out-3-0001\.safetensors is not what was stored/);
  expect(() => activations.rows(3, 25, 26)).toThrow(/mlp_out-3-0002\.safetensors is not what was stored/);
  expect(() => activations.rows(3, 30, 31)).toThrow(/ENOENT.*mlp_out-3-0003\.safetensors/);
  expect(() => activations.origins()).toThrow(/ENOENT.*rows-0000\.safetensors/);
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
    rows: 590,
    batch: 64,
    shuffle: { seed: 1, name: 'test' },
    bufferBytes: 256 * 16,
  };
  const source = placeRows(activations, 3, 2);
  const batches = new RowBatches(source, options);
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
  for (const step of [18, 3, 9]) expect(new RowBatches(source, options).batch(step)).toEqual(kept[step]);
  const plain = new RowBatches(placeRows(activations, 3), { ...options, shuffle: null });
  expect(plain.batch(9)[56]).toBe(0);
  expect(plain.batch(0)[4]).toBe(1);
});

test('several places are read row by row together, if they are the same rows', () => {
  const first = openActivations(write(43));
  const second = openActivations(write(43, 'f16'));
  requireSameRows(first, second, ['activations', 'target']);
  const both = sideBySide(placeRows(first, 3), placeRows(second, 3, 10));
  expect(both.width).toBe(8);
  expect([...both.rows(8, 10)]).toEqual(
    [8, 9].flatMap((r) =>
      [0, 0.25, 0.5, 0.75].map((d) => r + d).concat([0, 2.5, 5, 7.5].map((d) => 10 * r + d)),
    ),
  );
  expect([...difference(placeRows(second, 3, 3), placeRows(first, 3)).rows(9, 10)]).toEqual([
    18, 18.5, 19, 19.5,
  ]);
  expect(() => requireSameRows(first, openActivations(write(42)), ['activations', 'target'])).toThrow(
    '`activations` and `target` are not the same rows: one has 43 rows, the other 42',
  );
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
