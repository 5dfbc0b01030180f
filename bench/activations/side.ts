import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { captureItems } from '../../ml/activations/capture.ts';
import { openActivations } from '../../ml/activations/read.ts';
import type { CaptureItem } from '../../ml/activations/types.ts';
import { ActivationsWriter } from '../../ml/activations/write.ts';
import { engineDescription, startEngine } from '../../ml/engine/engine.ts';
import { loadModel } from '../../ml/models/load.ts';
import { opProfile } from '../lib/op-profile.ts';

/**
 * Our side of the benchmark of captured activations, a process of its own like the peers' (peer.py): a request a line,
 * `{"task", "arguments"}`, is answered by `{"seconds", "check", "peakMegabytes"}`. Seconds span everything from the ids to the
 * files; the model is loaded before.
 */
const [directory, scratch] = process.argv.slice(2) as [string, string];
const LENGTH = 128;
/** As activations.capture has it: sequences run at once, and what is written at once. */
const BATCH = 32;
const WINDOW = 8 * BATCH;

/** The same ids as in peer.py. */
function numbers(count: number, vocabulary: number): Int32Array {
  let state = 1n;
  return Int32Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) % 2147483648n;
    return Number(state >> 8n) % vocabulary;
  });
}

await startEngine();
const model = await loadModel(directory);
let all: Int32Array | undefined;

function capture(layers: number[], sequences: number) {
  all ??= numbers(1024 * LENGTH, model.vocabulary);
  const out = mkdtempSync(join(scratch, 'ours-'));
  const places = layers.map((layer) => ({ site: 'mlp_out' as const, layer }));
  const start = performance.now();
  const options = { directory: out, places, width: model.width, dtype: 'f32' as const };
  const writer = new ActivationsWriter({ ...options, shardBytes: 32 * 2 ** 20 });
  for (let from = 0; from < sequences; from += WINDOW) {
    const items = Array.from({ length: Math.min(WINDOW, sequences - from) }, (_, i): CaptureItem => {
      const text = from + i;
      const ids = (all as Int32Array).subarray(text * LENGTH, (text + 1) * LENGTH);
      return { ids, from: 0, to: LENGTH, pooled: false, text };
    });
    for (const { ids, text } of items)
      for (let t = 0; t < LENGTH; t++) writer.note(ids[t] as number, text, t);
    writer.append(captureItems(items, { model, places, batch: BATCH, padId: 0 }));
  }
  const texts = { total: sequences, visited: sequences, shuffle: null };
  const source = { data: '', texts, maxLength: LENGTH, skippedPositions: 0, padding: false };
  writer.finish({ model: '', source: { type: 'texts', ...source } });
  const seconds = (performance.now() - start) / 1000;
  const stored = openActivations(out);
  const rows = sequences * LENGTH;
  const check = layers.flatMap((layer) => Array.from(stored.rows(layer, rows - 1, rows).subarray(0, 4)));
  rmSync(out, { recursive: true });
  return { seconds, check };
}

console.log(JSON.stringify({ version: `tensorflow ${engineDescription().tensorflow ?? 'wasm'}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as { task: 'capture' | 'profile'; arguments: [number[], number] };
  const [layers, sequences] = request.arguments;
  const answer =
    request.task === 'profile'
      ? { seconds: 0, check: [], parts: await opProfile(() => capture(layers, sequences)) }
      : capture(layers, sequences);
  console.log(JSON.stringify({ ...answer, peakMegabytes: process.resourceUsage().maxRSS / 1024 }));
}
